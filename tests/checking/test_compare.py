"""What tells an answer from the expected one, in words."""

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from course_utils.checking.compare import difference, shown
from course_utils.checking.plain import copied, plain, unchanged

NAN = float("nan")
BOX = tv_tensors.BoundingBoxes([[0, 0, 4, 3]], format="XYXY", canvas_size=(9, 9))


class Yes:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class YesText(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class YesNumber(float):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __sub__(self, other: float) -> float:
        return 0.0


class YesTensor(Tensor):
    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return True


SAME: dict[str, tuple[Any, Any]] = {
    "tensor": (torch.tensor([1.0, 2]), torch.tensor([1.0, 2])),
    "double for float": (torch.tensor([1.0]).double(), torch.tensor([1.0])),
    "int32 for int64": (torch.tensor([7]).int(), torch.tensor([7])),
    "nan where nan is right": (torch.tensor([NAN]), torch.tensor([NAN])),
    "infinity": (torch.tensor([float("inf")]), torch.tensor([float("inf")])),
    "a gradient is attached": (torch.ones(2, requires_grad=True), torch.ones(2)),
    "a parameter": (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
    "boxes of torchvision": (BOX, torch.tensor([[0, 0, 4, 3]])),
    "empty": (torch.zeros(0, 4), torch.zeros(0, 4)),
    "whole number": (3, 3),
    "float for a whole number": (3.0, 3),
    "int for a float": (3, 3.0),
    "a tensor of one number": (torch.tensor([3.0]), 3.0),
    "number of NumPy": (np.float32(0.5), 0.5),
    "whole number of NumPy": (np.int64(4), 4),
    "fraction": (Fraction(1, 4), 0.25),
    "decimal": (Decimal("0.25"), 0.25),
    "a number beyond float32": (57_768_120_000, 57_768_120_000),
    "text": ("a", "a"),
    "truth value": (True, True),
    "list for tuple": ([1, 2.0], (1, 2.0)),
    "another kind of dict": (OrderedDict(a=1), {"a": 1}),
    "named tuple of torch": (
        torch.tensor([3.0, 4]).max(0),
        (torch.tensor(4.0), torch.tensor(1)),
    ),
    "a little off": (torch.tensor([1e6 + 1]), torch.tensor([1e6])),
}


@pytest.mark.parametrize(("received", "expected"), SAME.values(), ids=SAME.keys())
def test_equal_values_do_not_differ(received: Any, expected: Any) -> None:
    assert difference(received, expected, 1e-5) is None


OTHER: dict[str, tuple[Any, Any, str]] = {
    "value": (
        torch.tensor([[1.0, 2], [3, 4]]),
        torch.tensor([[1.0, 2], [5, 6]]),
        "2 of 4 values differ; expected 5.0 at [1, 0], received 3.0",
    ),
    "scalar tensor": (
        torch.tensor(1.0),
        torch.tensor(2.0),
        "expected 2.0, received 1.0",
    ),
    "shape": (
        torch.ones(2, 3),
        torch.ones(3, 2),
        "expected shape (3, 2), received (2, 3)",
    ),
    "broadcast": (torch.ones(1), torch.ones(3), "expected shape (3,), received (1,)"),
    "ints": (
        torch.tensor([1]),
        torch.tensor([1.0]),
        "expected values of torch.float32",
    ),
    "bools": (
        torch.tensor([True]),
        torch.tensor([1]),
        "expected values of torch.int64",
    ),
    "complex": (torch.tensor([1j]), torch.tensor([1.0]), "received torch.complex64"),
    "nan": (torch.tensor([NAN]), torch.tensor([1.0]), "received nan"),
    "half precision": (torch.tensor([0.1]).half(), torch.tensor([0.1]), "expected 0.1"),
    "large whole numbers": (
        torch.tensor([2**60]),
        torch.tensor([2**60 + 1]),
        "1 of 1 values differ",
    ),
    "array": (np.ones(3), torch.ones(3), "convert it with `torch.from_numpy`"),
    "list": ([1.0], torch.ones(1), "expected a tensor, received [1.0]: convert"),
    "nothing": (None, torch.ones(1), "is there a `return`?"),
    "one more": (57_768_120_001, 57_768_120_000, "received 57768120001"),
    "whole number and nearly": (2.9, 3, "expected 3, received 2.9"),
    "number and text": ("3", 3, "expected the number 3, received '3'"),
    "number and truth value": (True, 1, "expected the number 1, received True"),
    "number and nan": (NAN, 0.5, "received nan"),
    "text": ("a", "b", "expected 'b', received 'a'"),
    "length": ((1, 2), (1, 2, 3), "expected 3 values, received 2"),
    "inside": ((1, [2, 3]), (1, [2, 4]), "value 1: value 1: expected 4, received 3"),
    "no sequence": (5, (1, 2), "expected a tuple of 2, received 5"),
    "generator": ((i for i in (1, 2)), [1, 2], "an object of type generator"),
    "keys": ({"a": 1}, {"b": 1}, "expected the keys ['b'], received ['a']"),
    "value of a key": ({"a": 1}, {"a": 2}, "'a': expected 2"),
    "no dict": ([1], {"a": 1}, "expected a dict"),
    "equal to all": (Yes(), torch.ones(1), "an object of type Yes"),
    "equal to all, for a number": (Yes(), 3, "an object of type Yes"),
    "equal to all, for text": (Yes(), "a", "an object of type Yes"),
    "equal to all, inside": ([Yes()], [None], "an object of type Yes"),
    "text that lies": (YesText("x"), "a", "expected 'a', received 'x'"),
    "number that lies": (YesNumber(1), 2.0, "expected 2.0, received 1.0"),
    "number that lies, whole": (YesNumber(1), 2, "expected 2, received 1.0"),
    "tensor that lies": (
        torch.zeros(1).as_subclass(YesTensor),
        torch.ones(1),
        "an object of type YesTensor",
    ),
}


@pytest.mark.parametrize(
    ("received", "expected", "words"), OTHER.values(), ids=OTHER.keys()
)
def test_a_difference_is_said_in_words(
    received: Any, expected: Any, words: str
) -> None:
    assert words in str(difference(received, expected, 1e-5))


def test_plain_values_share_no_memory() -> None:
    whole = torch.zeros(4)
    part = plain(whole[1:3])
    whole += 1
    assert part.tolist() == [0, 0]


def test_copies_share_no_memory_and_keep_their_gradient() -> None:
    value = {"a": (torch.ones(2, requires_grad=True), [torch.zeros(1)])}
    twin = copied(value)
    assert unchanged(twin, value)
    assert twin["a"][0].requires_grad
    twin["a"][1][0] += 1
    assert not unchanged(twin, value)


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a value": lambda v: v["t"].add_(1),
    "a nan": lambda v: v["t"].fill_(NAN),
    "a shape": lambda v: v["t"].resize_(1),
    "a new key": lambda v: v.update(new=1),
    "a key less": lambda v: v.pop("t"),
    "a longer list": lambda v: v["l"].append(1),
    "another item": lambda v: v["l"].reverse(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_an_input_is_seen(change: Callable[[dict[str, Any]], Any]) -> None:
    before = {"t": torch.tensor([1.0, NAN]), "l": [1, 2]}
    now = copied(before)
    assert unchanged(now, before)
    change(now)
    assert not unchanged(now, before)


def test_long_values_are_cut_short() -> None:
    assert len(shown(list(range(1000)))) <= 80
    assert shown(torch.zeros(3, 4)) == "a tensor of shape (3, 4) and torch.float32"
    assert shown(torch.tensor([0.1]), numbers=24) == "tensor([0.1])"


def test_an_empty_tensor_shows_its_shape() -> None:
    assert shown(torch.zeros(0)) == "tensor([])"
    assert shown(torch.zeros(0, 4)) == "a tensor of shape (0, 4) and torch.float32"
