"""A root taken of a linear output can be nan; a root that is answered never is."""

import pytest
import torch

from course_utils.models.yolo_sides import error_of_root_answered, error_of_root_taken

SIDE = torch.tensor(0.25)


def value_and_slope(error, answer: float, side: torch.Tensor = SIDE):
    answer = torch.tensor(answer, requires_grad=True)
    value = error(answer, side)
    value.backward()
    return value.detach(), answer.grad


def test_a_root_taken_of_a_negative_answer_is_nan():
    value, slope = value_and_slope(error_of_root_taken, -0.01)
    assert value.isnan()
    assert slope.isnan()


def test_a_root_taken_at_zero_has_an_infinite_slope():
    value, slope = value_and_slope(error_of_root_taken, 0.0)
    assert value == SIDE
    assert slope == -torch.inf
    assert value_and_slope(error_of_root_taken, 0.0, torch.tensor(0.0))[1].isnan()


@pytest.mark.parametrize("answer", [-2.0, -0.01, 0.0, 0.3, 0.5, 4.0])
def test_a_root_answered_is_always_finite(answer):
    value, slope = value_and_slope(error_of_root_answered, answer)
    assert value.item() == pytest.approx((answer - 0.5) ** 2)
    assert slope.item() == pytest.approx(2 * (answer - 0.5))


@pytest.mark.parametrize("root", [0.1, 0.5, 0.9])
def test_both_agree_where_both_are_right(root):
    taken, _ = value_and_slope(error_of_root_taken, root**2)
    answered, _ = value_and_slope(error_of_root_answered, root)
    torch.testing.assert_close(taken, answered)
