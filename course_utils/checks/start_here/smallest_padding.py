"""smallest_padding: how many zeros make an axis as long as wanted.

The oracle tries 0, 1, 2, ... and counts the places of the kernel.
"""

from itertools import count

import torch

from course_utils.checking.check import Ask, check
from course_utils.checks.start_here.trace_network import CONVOLUTIONS, count_places

# Each: size, wanted, kernel, stride, dilation.
PADDINGS = {
    "3x3 keeps the size": (20, 20, 3, 1, 1),
    "no padding needed": (20, 18, 3, 1, 1),
    "a dilated 3x3 keeps the size": (31, 31, 3, 1, 4),
    "7x7 halves the size": (64, 32, 7, 2, 1),
    "the smallest of two": (17, 6, 4, 3, 1),
    "an even kernel cannot keep the size": (20, 20, 2, 1, 1),
    "too large without padding": (20, 9, 3, 1, 1),
    "a kernel wider than the input": (3, 1, 9, 1, 1),
    "stride 5 cannot reach it": (12, 1, 3, 5, 1),
    "growing the map": (6, 11, 2, 1, 1),
    "one pixel": (1, 1, 1, 1, 1),
    "two pixels are left over": (14, 4, 3, 3, 1),
}


def slow_smallest_padding(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    """The first padding that gives the wanted size; None where it is stepped over."""
    for padding in count():
        found = count_places(
            size, kernel, stride=stride, padding=padding, dilation=dilation
        )
        if found >= wanted:
            break
    return padding if found == wanted else None


def undilated(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    """The smallest padding for a kernel whose taps stand side by side."""
    return slow_smallest_padding(size, wanted, kernel, stride=stride)


@check(
    "smallest_padding",
    forbids=CONVOLUTIONS,
    right=slow_smallest_padding,
    wrong={"the dilation is ignored": undilated},
)
def check_smallest_padding(ask: Ask) -> None:
    """Say what size a wrong padding gives."""
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
        spacing = {"stride": stride, "dilation": dilation}
        received = ask(name, size, wanted, kernel, **spacing)
        right = slow_smallest_padding(size, wanted, kernel, **spacing)
        flat = undilated(size, wanted, kernel, **spacing)
        is_whole = isinstance(received, int)
        if is_whole and received < 0:
            problem = f"expected {right}, received {received}; it is never negative"
            ask.fail(name, problem)
        if is_whole and received not in (right, flat):
            gives = count_places(size, kernel, padding=received, **spacing)
            problem = f"expected {right}, received {received}; {why(gives, wanted)}"
            ask.fail(name, problem)
        ask.expect(name, received, right, mistakes={"the dilation is ignored": flat})


def why(gives: int, wanted: int) -> str:
    """What is wrong with a padding that gives one size where another is wanted."""
    if gives == wanted:
        return "it gives the wanted size, but it is not the smallest that does"
    if gives == 0:
        return "with it the kernel does not fit"
    return f"it gives size {gives}"
