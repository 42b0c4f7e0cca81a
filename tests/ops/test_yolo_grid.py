"""The grid of YOLO by hand, its edge cases, and the way there and back."""

import pytest
import torch
from torch import Tensor

from course_utils.ops.yolo_grid import (
    GridTargets,
    cell_boxes_to_xyxy,
    decode_grid,
    encode_batch,
    encode_grid,
    owner_cells,
    split_outputs,
    square_sides,
    stack_targets,
)

SIZE = (60, 100)  # height, width
NAMES = 8  # classes with background


def box_at(x: float, y: float, width: float = 10, height: float = 6) -> Tensor:
    return torch.tensor(
        [[x - width / 2, y - height / 2, x + width / 2, y + height / 2]]
    )


def encode(boxes: Tensor, labels: list[int], grid: int = 4) -> GridTargets:
    return encode_grid(
        boxes, torch.tensor(labels).long(), SIZE, grid=grid, num_classes=NAMES
    )


def random_objects(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    height, width = SIZE
    centre = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    half = 0.01 + 0.4 * torch.rand(count, 2, generator=generator, dtype=torch.float64)
    boxes = torch.cat([centre - half, centre + half], dim=1)
    labels = torch.randint(1, NAMES, (count,), generator=generator)
    return boxes * torch.tensor([width, height] * 2), labels


def cell_by_loop(box: list[float], grid: int) -> tuple[int, int]:
    """The cell whose half-open square holds the centre, found by looking at each."""
    height, width = SIZE
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    for row in range(grid):
        for column in range(grid):
            is_last = row == grid - 1, column == grid - 1
            in_row = row * height <= y * grid < (row + 1) * height
            in_column = column * width <= x * grid < (column + 1) * width
            below = is_last[0] and y == height
            right = is_last[1] and x == width
            if (in_row or below) and (in_column or right):
                return row, column
    raise AssertionError(f"no cell holds {x}, {y}")


PLACES = {
    "middle of a cell": ((12.5, 7.5), (0, 0)),
    "x moves columns": ((62.5, 7.5), (0, 2)),
    "y moves rows": ((12.5, 37.5), (2, 0)),
    "line between columns": ((25.0, 7.5), (0, 1)),
    "line between rows": ((12.5, 15.0), (1, 0)),
    "left upper corner": ((0.0, 0.0), (0, 0)),
    "right border": ((100.0, 7.5), (0, 3)),
    "bottom border": ((12.5, 60.0), (3, 0)),
    "right lower corner": ((100.0, 60.0), (3, 3)),
}


@pytest.mark.parametrize("case", PLACES)
def test_the_cell_of_a_centre(case):
    (x, y), cell = PLACES[case]
    assert owner_cells(box_at(x, y), SIZE, 4).tolist() == [list(cell)]
    truth = encode(box_at(x, y), [3])
    assert truth.is_object.nonzero().tolist() == [list(cell)]
    inside = truth.boxes[cell][:2]
    assert ((inside >= 0) & (inside <= 1)).all()


@pytest.mark.parametrize("grid", [1, 3, 7, 13])
def test_cells_equal_those_of_a_loop(grid):
    boxes, _ = random_objects(200, seed=grid)
    expected = [list(cell_by_loop(box, grid)) for box in boxes.tolist()]
    assert owner_cells(boxes, SIZE, grid).tolist() == expected


def test_the_numbers_of_one_object():
    truth = encode(torch.tensor([[55.0, 30, 75, 42]]), [5])
    assert truth.is_object.nonzero().tolist() == [[2, 2]]
    expected = torch.tensor([0.6, 0.4, 0.2, 0.2])  # centre 65, 36 in cells of 25, 15
    torch.testing.assert_close(truth.boxes[2, 2], expected)
    assert truth.classes[2, 2].tolist() == [0, 0, 0, 0, 1, 0, 0]  # label 5
    assert truth.boxes.count_nonzero() == 4
    assert truth.classes.count_nonzero() == 1
    assert truth.lost == 0


def test_no_object():
    truth = encode(torch.zeros(0, 4), [])
    assert not truth.is_object.any()
    assert not truth.boxes.any()
    assert not truth.classes.any()
    assert truth.lost == 0


def test_the_first_of_two_keeps_the_cell():
    boxes = torch.cat([box_at(12, 7), box_at(60, 7), box_at(13, 8), box_at(11, 6)])
    truth = encode(boxes, [2, 3, 4, 5])
    assert truth.is_object.nonzero().tolist() == [[0, 0], [0, 2]]
    assert truth.classes[0, 0].argmax() == 1  # label 2
    assert truth.lost == 2
    turned = encode(boxes.flip(0), [5, 4, 3, 2])
    assert turned.classes[0, 0].argmax() == 4  # label 5
    assert turned.lost == 2


def test_more_objects_than_cells():
    boxes, labels = random_objects(30, seed=1)
    truth = encode(boxes.float(), labels.tolist(), grid=2)
    assert truth.is_object.all()
    assert truth.lost == 26
    assert (truth.classes.sum(dim=-1) == 1).all()


EMPTY = {
    "no width": [[20.0, 10, 20, 30]],
    "no height": [[20.0, 10, 40, 10]],
    "a point": [[20.0, 10, 20, 10]],
}


@pytest.mark.parametrize("case", EMPTY)
def test_a_box_without_area_is_left_out(case):
    boxes = torch.tensor(EMPTY[case])
    assert not encode(boxes, [1]).is_object.any()
    solid = torch.cat([boxes, box_at(20, 20)])  # in the cell of the empty one, or not
    truth = encode(solid, [1, 2])
    assert truth.is_object.sum() == 1
    assert truth.lost == 0
    assert truth.classes.sum(dim=(0, 1)).tolist() == [0, 1, 0, 0, 0, 0, 0]


WRONG = {
    "centre left of the image": (
        box_at(-0.1, 9),
        [1],
        "centre outside the image of 60",
    ),
    "centre below the image": (box_at(9, 60.1), [1], "centre outside"),
    "corners exchanged": (torch.tensor([[9.0, 9, 2, 12]]), [1], "x2 < x1"),
    "nan": (torch.tensor([[9.0, 9, float("nan"), 12]]), [1], "or nan"),
    "label of background": (box_at(9, 9), [0], r"labels are \[0\], but 1 to 7"),
    "label too high": (box_at(9, 9), [8], "but 1 to 7"),
    "a label too many": (box_at(9, 9), [1, 2], "one label for each box"),
    "no box but a label": (torch.zeros(0, 4), [1], "one label for each box"),
    "not boxes": (torch.zeros(2, 5), [1, 2], r"\(N, 4\) was expected"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_objects_are_refused(case):
    boxes, labels, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        encode(boxes, labels)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="grid is 0"):
        encode(box_at(9, 9), [1], grid=0)
    with pytest.raises(ValueError, match="num_classes is 1"):
        encode_grid(box_at(9, 9), torch.tensor([1]), SIZE, grid=2, num_classes=1)
    with pytest.raises(ValueError, match="both sides must be positive"):
        encode_grid(torch.zeros(0, 4), torch.zeros(0), (0, 9), grid=2, num_classes=2)


def test_the_paper_has_1470_numbers_and_98_boxes():
    answers = torch.zeros(1, 7, 7, 5 * 2 + 20)
    assert answers.numel() == 1470
    found = decode_grid(answers, (448, 448), num_boxes=2)
    assert found.boxes.shape == (1, 98, 4)
    assert found.classes.shape == (1, 98, 20)


def test_the_order_of_the_numbers():
    answers = torch.arange(2 * 3 * 3 * 17.0).view(2, 3, 3, 17)
    boxes, classes = split_outputs(answers, 2)
    cell = answers[1, 2, 0]
    assert torch.equal(boxes[1, 2, 0], torch.stack([cell[:5], cell[5:10]]))
    assert torch.equal(classes[1, 2, 0], cell[10:])
    found = decode_grid(answers, SIZE, num_boxes=2)
    row = (2 * 3 + 0) * 2 + 1  # row, column, box of the cell
    assert found.confidence[1, row] == cell[9]
    assert torch.equal(found.classes[1, row], cell[10:])


@pytest.mark.parametrize(
    ("shape", "boxes"), [((1, 3, 4, 12), 1), ((1, 3, 3, 10), 2), ((1, 3, 3, 9), 0)]
)
def test_answers_of_another_shape_are_refused(shape, boxes):
    with pytest.raises(ValueError, match="outputs has shape"):
        split_outputs(torch.zeros(shape), boxes)


def answers_of(truth: GridTargets, num_boxes: int, *, sign: float = 1.0) -> Tensor:
    """What a perfect network answers: roots of w and h, all boxes of a cell alike."""
    sides = sign * truth.boxes[..., 2:].sqrt()
    confidence = truth.is_object[..., None].to(sides)
    box = torch.cat([truth.boxes[..., :2], sides, confidence], dim=-1)
    return torch.cat([*[box] * num_boxes, truth.classes], dim=-1)[None]


@pytest.mark.parametrize("seed", range(4))
def test_there_and_back(seed):
    boxes, labels = random_objects(12, seed)
    truth = encode_grid(boxes, labels, SIZE, grid=7, num_classes=NAMES)
    found = decode_grid(answers_of(truth, 2), SIZE, num_boxes=2)
    real = found.confidence[0] > 0
    assert real.sum() == 2 * (len(boxes) - truth.lost)
    for box, scores in zip(found.boxes[0, real], found.classes[0, real], strict=True):
        nearest = (boxes - box).abs().amax(dim=1).argmin()
        torch.testing.assert_close(boxes[nearest], box, rtol=0, atol=1e-10)
        assert scores.argmax() + 1 == labels[nearest]


def test_the_sign_of_a_root_does_not_matter():
    boxes, labels = random_objects(5, seed=9)
    truth = encode_grid(boxes, labels, SIZE, grid=5, num_classes=NAMES)
    one, other = (
        decode_grid(answers_of(truth, 1, sign=sign), SIZE, num_boxes=1).boxes
        for sign in (1.0, -1.0)
    )
    assert torch.equal(one, other)
    assert (one[..., 2:] >= one[..., :2]).all()


def test_corners_of_each_cell():
    boxes = torch.zeros(4, 4, 1, 4)
    corners = cell_boxes_to_xyxy(boxes)[:, :, 0]
    for row in range(4):
        for column in range(4):
            expected = torch.tensor([column / 4, row / 4] * 2)
            assert torch.equal(corners[row, column], expected)


def test_squared_sides_leave_the_centre():
    boxes = torch.tensor([[-0.5, 2.0, -3.0, 0.5]])
    assert square_sides(boxes).tolist() == [[-0.5, 2.0, 9.0, 0.25]]


def test_truths_are_stacked():
    one, none = encode(box_at(9, 9), [1]), encode(torch.zeros(0, 4), [])
    batch = stack_targets([one, none])
    assert batch.boxes.shape == (2, 4, 4, 4)
    assert batch.is_object.sum(dim=(1, 2)).tolist() == [1, 0]
    assert batch.lost.shape == (2,)
    with pytest.raises(ValueError, match="targets is empty"):
        stack_targets([])


BATCHES = {
    "some objects": (4, 2, 7),
    "some images without": (0, 3, 0),
    "none at all": (0, 0),
    "one image": (5,),
    "more than cells": (30, 1),
}


@pytest.mark.parametrize("case", BATCHES)
@pytest.mark.parametrize("grid", [2, 7])
def test_a_batch_at_once_equals_one_after_the_other(case, grid):
    pairs = [random_objects(count, seed) for seed, count in enumerate(BATCHES[case])]
    flat = torch.tensor([[40.0, 20, 40, 30]])  # without area, in the cell of the next
    pairs += [(torch.cat([flat, box_at(41, 25)]).double(), torch.tensor([1, 2]))]
    settings = {"grid": grid, "num_classes": NAMES}
    targets = [{"boxes": boxes, "labels": labels} for boxes, labels in pairs]
    batch = encode_batch(targets, SIZE, **settings)
    single = [encode_grid(*pair, SIZE, **settings) for pair in pairs]
    for ours, expected in zip(batch, stack_targets(single), strict=True):
        assert ours.dtype == expected.dtype
        assert torch.equal(ours, expected)


def test_a_batch_of_bad_objects_is_refused():
    settings = {"grid": 2, "num_classes": 3}
    label = torch.tensor([1])
    good = {"boxes": box_at(9, 9), "labels": label}
    wrong = {
        "one label for each box": {"boxes": box_at(9, 9), "labels": label.repeat(2)},
        "centre outside": {"boxes": box_at(999, 9), "labels": label},
        "but 1 to 2": {"boxes": box_at(9, 9), "labels": label * 3},
    }
    with pytest.raises(ValueError, match="targets is empty"):
        encode_batch([], SIZE, **settings)
    for message, target in wrong.items():
        with pytest.raises(ValueError, match=message):
            encode_batch([good, target], SIZE, **settings)
