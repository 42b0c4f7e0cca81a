"""Pictures of YOLO's grid hold what they are asked to show."""

import torch

from course_utils.draw import new_figure
from course_utils.draw.yolo import (
    draw_all_boxes,
    draw_class_cells,
    draw_owners,
    show_cell_numbers,
)

IMAGE = torch.full((3, 64, 64), 0.5)


def test_one_tinted_cell_for_all_objects_in_it():
    _, (ax,) = new_figure()
    boxes = torch.tensor([[2.0, 2, 10, 10], [4, 4, 12, 12], [40, 40, 60, 60]])
    draw_owners(ax, boxes, 64, 4)
    tinted = [p for p in ax.patches if p.get_alpha() == 0.6]
    assert [p.get_xy() for p in tinted] == [(0, 0), (48, 48)]


def test_every_cell_has_the_strength_of_its_confidence():
    _, (ax,) = new_figure()
    confidence = torch.tensor([[0.0, 1.0], [0.5, -1.0]])
    draw_class_cells(ax, confidence, torch.tensor([[1, 2], [3, 4]]), 64)
    assert [p.get_alpha() for p in ax.patches] == [0, 0.75, 0.375, 0]


def test_boxes_without_a_score_are_left_out():
    _, (ax,) = new_figure()
    boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 5, 5]])
    draw_all_boxes(ax, boxes, torch.tensor([[0.0, 0.0], [0.2, 0.7]]))
    assert len(ax.patches) == 1


def test_the_numbers_of_a_cell_are_written(capsys):
    numbers = torch.arange(13.0)
    names = ("cat", "dog", "bird")
    show_cell_numbers(IMAGE, (0, 1), numbers, names, grid=2, alt="Thirteen numbers.")
    assert "Thirteen numbers." in capsys.readouterr().out
