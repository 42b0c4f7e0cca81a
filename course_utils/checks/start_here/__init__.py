"""The checks of assignment 00: shapes, receptive fields, and how boxes are written."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from course_utils.checking.check import Ask, check, random_boxes
from course_utils.checking.compare import difference, shown
from course_utils.checks.start_here.cases import (
    BLANKS,
    MASKS,
    PADDINGS,
    STACKS,
    Spacing,
    reached,
    search_padding,
    seen_box,
    slow_tight_boxes,
    slow_yolo_to_voc,
)
from course_utils.checks.start_here.networks import (
    NETWORKS,
    mistaken_traces,
    random_network,
    run_by_torch,
)

CONVOLUTIONS = (
    "torch.conv1d",
    "torch.conv2d",
    "torch.nn.functional.conv1d",
    "torch.nn.functional.conv2d",
    "torch.nn.Conv1d.forward",
    "torch.nn.Conv2d.forward",
)


@check("missing_dimensions")
def check_missing_dimensions(ask: Ask) -> None:
    """Look at each blank; say which is wrong and why, without its value."""
    received = ask.answer
    if not isinstance(received, Mapping) or received.keys() != BLANKS.keys():
        wanted = f"a dict with the keys {list(BLANKS)}"
        ask.fail("the dict", f"expected {wanted}, received {shown(received)}")
    for name, (right, mistakes) in BLANKS.items():
        ask.cases.append(name)
        value = received[name]
        if isinstance(value, bool) or not isinstance(value, int):
            ask.fail(f"({name})", f"expected a whole number, received {value!r}")
        if value != right:
            reason = mistakes.get(value, "write the formula with its numbers once more")
            ask.fail(f"({name})", f"{value} is not right. Likely mistake: {reason}")


@check("trace_network", forbids=CONVOLUTIONS)
def check_trace_network(ask: Ask) -> None:
    """Compare, layer by layer, with modules that torch builds and runs."""
    drawn = {f"random {i}": random_network(ask.generator) for i in range(5)}
    for case, (shape, layers) in (NETWORKS | drawn).items():
        received = ask(case, shape, layers)
        right = run_by_torch(shape, layers)
        if not isinstance(received, (list, tuple)) or len(received) != len(right):
            wanted = f"a list of {len(right)} pairs (shape, parameters)"
            advice = ": is there a `return`?" if received is None else ""
            ask.fail(case, f"expected {wanted}, received {shown(received)}{advice}")
        is_right = difference(received, right, 0.0) is None
        wrong = {} if is_right else mistaken_traces(shape, layers)
        for i, layer in enumerate(layers):
            name = f"{case}, layer {i} ({layer['kind']})"
            pair = received[i]
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                ask.fail(
                    name, f"expected a pair (shape, parameters), received {pair!r}"
                )
            for part, what in enumerate(("its shape", "its parameters")):
                mistakes = {text: rows[i][part] for text, rows in wrong.items()}
                ask.expect(
                    f"{name}, {what}", pair[part], right[i][part], mistakes=mistakes
                )


@check("smallest_padding", forbids=CONVOLUTIONS)
def check_smallest_padding(ask: Ask) -> None:
    """Compare with a search over torch's own convolution."""
    high = torch.tensor([40, 24, 8, 4, 3])
    cases = dict(PADDINGS)
    for i in range(8):
        drawn = (torch.rand(5, generator=ask.generator) * high).long() + 1
        size, wanted, kernel, stride, dilation = drawn.tolist()
        cases[f"random {i}"] = (size, wanted, kernel, stride, dilation)
    for case, (size, wanted, kernel, stride, dilation) in cases.items():
        name = (
            f"{case}: size {size} to {wanted}, kernel {kernel}, "
            f"stride {stride}, dilation {dilation}"
        )
        received = ask(name, size, wanted, kernel, stride=stride, dilation=dilation)
        right = search_padding(size, wanted, kernel, stride, dilation)
        flat = search_padding(size, wanted, kernel, stride, 1)
        is_padding = isinstance(received, int) and received >= 0
        if is_padding and received not in (right, flat):
            gives = reached(size, received, kernel, stride, dilation)
            ask.fail(
                name, f"expected {right}, received {received}; {why(gives, wanted)}"
            )
        if isinstance(received, int) and received < 0:
            ask.fail(
                name, f"expected {right}, received {received}; it is never negative"
            )
        ask.expect(name, received, right, mistakes={"the dilation is ignored": flat})


def why(gives: int, wanted: int) -> str:
    """What is wrong with a padding that gives one size where another is wanted."""
    if gives == wanted:
        return "it gives the wanted size, but it is not the smallest that does"
    if gives == 0:
        return "with it the kernel does not fit"
    return f"it gives size {gives}"


@check("receptive_box", forbids=CONVOLUTIONS)
def check_receptive_box(ask: Ask) -> None:
    """Compare with the walk that follows every single tap back to the image."""
    cases = dict(STACKS)
    for i in range(6):
        high = torch.tensor([5, 3, 3, 3])
        drawn = (torch.rand(4, 4, generator=ask.generator) * high).long()
        layers = [(k + 1, s + 1, p, d + 1) for k, s, p, d in drawn.tolist()]
        cases[f"random {i}"] = (layers, i, 2 * i + 1)
    for case, (layers, row, column) in cases.items():
        right = seen_box(layers, row, column)
        name = f"{case}, row {row}, column {column}"
        mistakes = mistaken_boxes(layers, row, column)
        ask.call_and_expect(name, (layers, row, column), right, mistakes=mistakes)


def mistaken_boxes(
    layers: Sequence[Spacing], row: int, column: int
) -> dict[str, Tensor]:
    """The boxes that typical mistakes would give, by their description."""
    inclusive = seen_box(layers, row, column) - torch.tensor([0.0, 0, 1, 1])
    unpadded = [(k, s, 0, d) for k, s, _, d in layers]
    undilated = [(k, s, p, 1) for k, s, p, _ in layers]
    return {
        "x and y are swapped": seen_box(layers, column, row),
        "the last pixel is left out: a box is half-open": inclusive,
        "the padding is ignored": seen_box(unpadded, row, column),
        "the dilation is ignored": seen_box(undilated, row, column),
        "the layers are walked in the wrong order": seen_box(layers[::-1], row, column),
    }


@check("tight_boxes")
def check_tight_boxes(ask: Ask) -> None:
    """Compare with a loop over the pixels."""
    cases = dict(MASKS)
    for i in range(4):
        share = 0.02 * (i + 1)
        cases[f"random {i}"] = torch.rand(3, 7, 15, generator=ask.generator) < share
    for case, masks in cases.items():
        right = slow_tight_boxes(masks)
        full = masks.flatten(1).any(dim=1)[:, None]
        mistakes = {
            "the last row and column are left out: a box is half-open": (
                right - torch.tensor([0.0, 0, 1, 1]) * full
            ),
            "x and y are swapped": right[:, [1, 0, 3, 2]],
            "an empty mask is given one pixel": (
                right + torch.tensor([0.0, 0, 1, 1]) * ~full
            ),
        }
        ask.call_and_expect(case, (masks,), right, mistakes=mistakes)


@check("yolo_to_voc")
def check_yolo_to_voc(ask: Ask) -> None:
    """Compare with plain arithmetic, box by box."""
    cases = {
        "the whole image": (torch.tensor([[0.5, 0.5, 1.0, 1.0]]), 30, 50),
        "no boxes": (torch.zeros(0, 4), 30, 50),
        "one pixel": (torch.tensor([[0.05, 0.125, 0.1, 0.25]]), 4, 10),
    }
    sizes = {"landscape": (60, 100), "portrait": (128, 40), "one row": (1, 30)}
    for case, (height, width) in sizes.items():
        boxes = random_boxes(5, generator=ask.generator) / torch.tensor([140, 90] * 2)
        low, high = boxes[:, :2], boxes[:, 2:]
        cases[case] = (torch.cat([(low + high) / 2, high - low], 1), height, width)
    for case, (boxes, height, width) in cases.items():
        right = slow_yolo_to_voc(boxes, height, width)
        name = f"{case}, image {height} high and {width} wide"
        received = ask(name, boxes, height, width)
        mistakes = mistaken_voc(boxes, height, width)
        ask.expect(name, received, right, mistakes=mistakes, tolerance=1e-4)


def mistaken_voc(boxes: Tensor, height: int, width: int) -> dict[str, Tensor]:
    """The boxes that typical mistakes would give, by their description."""
    right = slow_yolo_to_voc(boxes, height, width)
    first, last = torch.tensor([1.0, 1, 0, 0]), torch.tensor([0.0, 0, 1, 1])
    doubled = boxes * torch.tensor([1, 1, 2, 2])
    pixels = boxes * torch.tensor([width, height] * 2)
    return {
        "height and width are swapped": slow_yolo_to_voc(boxes, width, height),
        "VOC counts pixels from 1": right - first,
        "the last pixel is inside a VOC box, so x2 and y2 stay": right + last,
        "VOC wants two corners, not centre and size": pixels + first,
        "a corner is half a side away from the centre": (
            slow_yolo_to_voc(doubled, height, width)
        ),
        "the boxes are still parts of the image, not pixels": (
            slow_yolo_to_voc(boxes, 1, 1)
        ),
    }


@check("padding_answer")
def check_padding_answer(ask: Ask) -> None:
    """Say why an option is wrong."""
    ask.choice(
        "b",
        {
            "a": "Padding puts zeros where the whole image has pixels, so the crop's "
            "border is computed from something else.",
            "b": "Each layer carries the zeros one pixel further in, four in all; "
            "without padding a number exists only where all its pixels are known.",
            "c": "That holds after one layer. The next layer reads the numbers that "
            "the first one got wrong.",
            "d": "The smaller map of N holds the same numbers as the whole image at "
            "the same places; only the border is missing.",
        },
    )
