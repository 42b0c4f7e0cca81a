"""What is switched off stays off however it was imported, and comes back after."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, cumsum
from torch.nn.functional import smooth_l1_loss
from torch.nn.functional import unfold as slide
from torchvision import ops
from torchvision.ops import RoIAlign, batched_nms, box_iou
from torchvision.ops import nms as suppress
from torchvision.ops.boxes import _box_inter_union

from course_utils.checking.forbidden import ForbiddenCallError, owner_of, switched_off
from course_utils.ops.boxes import box_iou as own_iou

BOXES = torch.tensor([[0.0, 0, 4, 3], [1, 1, 5, 4], [9, 2, 12, 8]])
SCORES = torch.tensor([0.4, 0.9, 0.5])
OPERATOR = torch.ops.torchvision.nms.default
UNFOLD = Tensor.unfold


def imported_inside() -> Any:
    return importlib.import_module("course_utils.ops.nms").nms(BOXES, SCORES, 0.5)


ALWAYS: dict[str, Callable[[], Any]] = {
    "under another name": lambda: suppress(BOXES, SCORES, 0.5),
    "by its module": lambda: torchvision.ops.boxes.nms(BOXES, SCORES, 0.5),
    "by its package": lambda: ops.box_iou(BOXES, BOXES),
    "one that wraps another": lambda: batched_nms(BOXES, SCORES, SCORES.long(), 0.5),
    "in a partial": functools.partial(suppress, BOXES, SCORES, 0.5),
    "the compiled operator": lambda: torch.ops.torchvision.nms(BOXES, SCORES, 0.5),
    "a kept overload of it": lambda: OPERATOR(BOXES, SCORES, 0.5),
    "a private function": lambda: _box_inter_union(BOXES, BOXES)[0],
    "a class": lambda: RoIAlign(2, 1.0, 1),
    "the course's own": lambda: own_iou(BOXES, BOXES),
    "imported in the answer": imported_inside,
    "by a vmap": lambda: torch.vmap(lambda box: box_iou(box[None], BOXES))(BOXES),
}


@pytest.mark.parametrize("call", ALWAYS.values(), ids=ALWAYS.keys())
def test_what_answers_for_the_learner_is_off(call: Callable[[], Any]) -> None:
    before = call()
    with switched_off(()), pytest.raises(ForbiddenCallError, match="is switched off"):
        call()
    after = call()
    assert isinstance(before, torch.nn.Module) or torch.equal(before, after)


NAMED: dict[str, tuple[str, Callable[[], Any]]] = {
    "a Python function": (
        "torch.nn.functional.smooth_l1_loss",
        lambda: smooth_l1_loss(SCORES, SCORES),
    ),
    "a function in C": ("torch.cumsum", lambda: torch.cumsum(SCORES, 0)),
    "a function in C under a name": ("torch.cumsum", lambda: cumsum(SCORES, 0)),
    "a method": ("torch.Tensor.cumsum", lambda: SCORES.cumsum(0)),
    "a kept method": ("torch.Tensor.unfold", lambda: UNFOLD(SCORES, 0, 2, 1)),
    "a function of torch.nn": (
        "torch.nn.functional.unfold",
        lambda: slide(BOXES[None, None], 2),
    ),
    "a method of a class": (
        "torch.nn.Conv2d.forward",
        lambda: torch.nn.Conv2d(1, 1, 1)(BOXES[None]),
    ),
    "a function of NumPy": ("numpy.linalg.norm", lambda: np.linalg.norm([3.0, 4.0])),
}


@pytest.mark.parametrize(("name", "call"), NAMED.values(), ids=NAMED.keys())
def test_a_named_function_is_off_by_request(name: str, call: Callable[[], Any]) -> None:
    with switched_off(()):
        call()
    with (
        switched_off((name,)),
        pytest.raises(ForbiddenCallError, match=name.rsplit(".", maxsplit=1)[-1]),
    ):
        call()
    call()


def test_what_is_inherited_is_not_left_behind() -> None:
    with switched_off(("torch.Tensor.unfold",)):
        pass
    assert "unfold" not in vars(Tensor)


def test_everything_comes_back_after_an_error() -> None:
    codes = [box_iou.__code__, own_iou.__code__]

    def fail() -> None:
        with switched_off(("torch.cumsum", "torch.nn.functional.smooth_l1_loss")):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [box_iou.__code__, own_iou.__code__] == codes
    assert torch.cumsum(SCORES, 0).shape == (3,)
    assert smooth_l1_loss(SCORES, SCORES) == 0


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no module holds 'nowhere.at_all'"):
        owner_of("nowhere.at_all")
    with pytest.raises(AttributeError), switched_off(("torch.no_such_function",)):
        pass


def test_other_operations_work_as_before() -> None:
    with switched_off(("torch.cumsum",)):
        weights = torch.ones(3, requires_grad=True)
        (weights * SCORES).sum().backward()
        assert torch.equal(weights.grad, SCORES)
        assert torch.vmap(torch.sum)(BOXES).shape == (3,)
        assert torch.func.grad(lambda x: (x**2).sum())(SCORES).shape == (3,)
        assert BOXES.numpy().sum() == BOXES.sum()
