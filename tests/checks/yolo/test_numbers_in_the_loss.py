"""Answers to numbers_in_the_loss, and the number beside the library's own loss."""

import torch

from course_utils.models.yolo import yolo_losses
from course_utils.ops.yolo_grid import GridTargets, encode_grid

RIGHT = [170, 170.0, torch.tensor(170)]
WRONG = [
    (98, "Go through the five sums"),
    (171, "Go through the five sums"),
    ("170", "a number was expected"),
    ([170], "a number was expected"),
]


def test_the_count_of_numbers_is_that_of_a_gradient():
    """Three cells of the library's own loss on 7 x 7 x 30 numbers."""
    answers = torch.rand(1, 7, 7, 30, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[10.0, 10, 50, 60], [12, 12, 52, 52], [300, 20, 440, 90]])
    boxes = torch.cat([boxes, torch.tensor([[100.0, 300, 200, 420]])])
    truth = encode_grid(
        boxes, torch.tensor([1, 2, 3, 4]), (448, 448), grid=7, num_classes=21
    )
    assert int(truth.lost) == 1
    batch = GridTargets(*(part[None] for part in truth))
    losses = yolo_losses(answers.requires_grad_(), batch)
    torch.stack(list(losses.values())).sum().backward()
    assert answers.grad is not None
    assert int((answers.grad != 0).sum()) == 3 * 26 + 46 * 2
