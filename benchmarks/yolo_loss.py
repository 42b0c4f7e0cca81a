"""YOLO's loss beside the plain loop of its formula, with its gradient."""

from functools import partial

import torch
from torch import Tensor

from benchmarks.measure import Row, compare
from course_utils.models.yolo import yolo_losses, yolo_losses_by_loop
from course_utils.ops.yolo_grid import BOX, GridTargets, encode_grid, stack_targets

# Images, cells a side, boxes a cell, classes with background, objects an image.
CASES = ((1, 7, 2, 8, 4), (16, 7, 2, 8, 4), (16, 7, 2, 21, 3))


def make_case(
    images: int, grid: int, num_boxes: int, num_classes: int, objects: int
) -> tuple[Tensor, GridTargets]:
    """Random answers, and the truth of random objects, in images of 100 x 100."""
    generator = torch.Generator().manual_seed(0)
    centre = 100 * torch.rand(images, objects, 2, generator=generator)
    half = 5 + 20 * torch.rand(images, objects, 2, generator=generator)
    labels = torch.randint(1, num_classes, (images, objects), generator=generator)
    boxes = torch.cat([centre - half, centre + half], dim=-1)
    encode = partial(encode_grid, grid=grid, num_classes=num_classes)
    pairs = zip(boxes, labels, strict=True)
    truth = stack_targets([encode(*pair, (100, 100)) for pair in pairs])
    shape = (images, grid, grid, BOX * num_boxes + num_classes - 1)
    return torch.rand(shape, generator=generator).requires_grad_(), truth


def gradient(losses: dict[str, Tensor], answers: Tensor) -> Tensor:
    """The gradient of the sum of the losses."""
    (found,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), answers)
    return found


def rows() -> list[Row]:
    """Times of the loss with its gradient; raises if the two differ."""
    return [case_row(*case) for case in CASES]


def case_row(images: int, grid: int, num_boxes: int, classes: int, objects: int) -> Row:
    """One line of the table."""
    answers, truth = make_case(images, grid, num_boxes, classes, objects)
    ours, loop = (
        partial(lambda function: gradient(function(answers, truth), answers), each)
        for each in (yolo_losses, yolo_losses_by_loop)
    )
    torch.testing.assert_close(ours(), loop(), rtol=1e-4, atol=1e-5)
    case = f"{images} images, {grid} x {grid} x {BOX * num_boxes + classes - 1} numbers"
    return compare("YOLO loss and gradient", case, ours, "plain loop", loop, seconds=4)
