"""Values survive the way between two processes, and no bytes can do harm."""

import json
import math
import random
import struct
from typing import Any

import numpy as np
import pytest
import torch

from course_grading.isolation.codec import (
    MAX_FRAME,
    ProtocolError,
    decode,
    encode,
)
from course_grading.isolation.wire import DTYPES, MAX_KEYS, MAX_TENSORS
from course_utils.checking.compare import difference, shown
from course_utils.checking.plain import Opaque, unchanged

VALUES = {
    "nothing": None,
    "dots": ...,
    "truth": [True, False],
    "whole numbers": [0, -1, 2**53, -(2**64), 10**300],
    "floats": [0.1, -0.0, 1e-320, math.inf, -math.inf],
    "texts": ["", "ä\x00\x1b[31m", "\ud800 half a character", '"}{"'],
    "containers": [(), [], {}, (1, [2, (3, {"a": (4,)})])],
    "dicts": {"a": 1, 2: "b", (1, "x"): [None], None: 3.5, True: 0},
    "dicts that look like tags": {"tensor": ["float32", [1], False]},
}
FRAME = encode({"a": [1, (2.5, "x")], "t": torch.rand(2, 3), "n": np.arange(3)})


def both_ways(value: Any) -> Any:
    return decode(encode(value))


@pytest.mark.parametrize("case", VALUES)
def test_plain_values_come_back_as_they_were(case: str):
    received = both_ways(VALUES[case])
    assert received == VALUES[case]
    assert repr(received) == repr(VALUES[case])


def test_nan_comes_back():
    assert math.isnan(both_ways(math.nan))


@pytest.mark.parametrize("name", DTYPES)
def test_tensors_come_back_bit_for_bit(name: str):
    dtype = DTYPES[name]
    values = torch.tensor([[0, 1, 2], [3, 250, 7]]).to(torch.uint8).to(dtype)
    for tensor in (values, values.T, values[0, 0], values[:0], values[1:, ::2]):
        received = both_ways(tensor)
        assert received.dtype == dtype
        assert received.shape == tensor.shape
        assert torch.equal(received, tensor)


def test_special_floats_views_and_leaves_come_back():
    tensor = torch.tensor([math.nan, math.inf, -0.0])
    assert unchanged(both_ways(tensor), tensor)
    conjugated = torch.tensor([1 + 2j, 3j]).conj()
    assert torch.equal(both_ways(conjugated), conjugated)
    assert both_ways(torch.rand(2, requires_grad=True)).requires_grad
    one_of_many = torch.arange(12).reshape(4, 3)[:1, 0]
    assert torch.equal(both_ways(one_of_many), one_of_many)


@pytest.mark.parametrize("code", ["?", "i1", "<i4", ">i4", "u8", "f2", ">f8", "c16"])
def test_arrays_come_back(code: str):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(code)
    for each in (array, array.T, array[:0], np.asfortranarray(array)):
        received = both_ways(each)
        assert received.shape == each.shape
        assert received.dtype.kind == each.dtype.kind
        assert np.array_equal(received, each)


class Rude:
    """An object with a text of its own."""

    def __repr__(self) -> str:
        return "rude"


class Broken:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    [{1, 2}, 3j, b"x", Rude(), range(3), np.array(["a"]), torch.float32, Rude],
)
def test_what_is_no_data_is_named_and_shown_as_it_would_be(value: Any):
    received = both_ways([value])
    assert isinstance(received[0], Opaque)
    assert shown(received) == shown([value])
    if not isinstance(value, np.ndarray):
        assert difference(received[0], 1.0, 1e-5) == difference(value, 1.0, 1e-5)


def test_an_object_that_cannot_be_shown_is_named():
    assert both_ways(Broken()) == Opaque("Broken", "<RuntimeError in __repr__>")


def test_sparse_and_absent_tensors_stay():
    for tensor in (torch.eye(2).to_sparse(), torch.empty(2, device="meta")):
        assert both_ways(tensor).kind == "Tensor"


def test_too_much_is_refused():
    deep: list[Any] = []
    for _ in range(600):
        deep = [deep]
    assert "Opaque" not in repr(both_ways(deep))
    for value in (
        torch.zeros(MAX_FRAME // 4 + 1),
        np.zeros(MAX_FRAME // 8 - 10),
        [0] * 600_000,
        "x" * (9 * 2**20),
        dict.fromkeys(range(MAX_KEYS + 1)),
        [torch.zeros(1)] * (MAX_TENSORS + 1),
    ):
        with pytest.raises(ProtocolError):
            encode([value, value])


def framed(data: Any, rest: bytes = b"") -> bytes:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return struct.pack(">II", 4 + len(text) + len(rest), len(text)) + text + rest


HOSTILE = {
    "empty": b"",
    "only a length": b"\x00\x00\x00\x04",
    "a length too long": struct.pack(">II", 2**31, 4) + b"null",
    "JSON beyond the frame": struct.pack(">II", 8, 500) + b"null",
    "no JSON": framed(b"nope"),
    "no text": framed(b"\xff\xfe"),
    "deep JSON": framed(b"[" * 100_000),
    "deep lists": framed(b"[" * 900 + b"]" * 900),
    "a very long number": framed(b"1" * 100_000),
    "a long number": framed({"int": "f" * 5000}),
    "two tags": framed({"int": "1", "tuple": []}),
    "an unknown tag": framed({"pickle": "cos\nsystem"}),
    "a tag without content": framed({"tuple": None}),
    "half a dict": framed({"dict": [1]}),
    "a list as a key": framed({"dict": [[1], 2]}),
    "a hidden list as a key": framed({"dict": [{"tuple": [[1]]}, 2]}),
    "many keys": framed({"dict": [n * (2**61 - 1) for n in range(4 * MAX_KEYS)]}),
    "a tensor without bytes": framed({"tensor": ["float32", [2], False]}),
    "a tensor of nothing known": framed(
        {"tensor": ["object", [2], False]}, b"12345678"
    ),
    "a negative size": framed({"tensor": ["uint8", [-1], False]}),
    "a true size": framed({"tensor": ["uint8", [True], False]}, b"1"),
    "a fractional size": framed({"tensor": ["uint8", [1.0], False]}, b"1"),
    "an endless size": framed({"tensor": ["uint8", [2**62, 2**62], False]}),
    "many dimensions": framed({"tensor": ["uint8", [1] * 100, False]}, b"1"),
    "bytes of nobody": framed([], b"123"),
    "an array of objects": framed({"array": ["|O", [1]]}, b"12345678"),
    "an array of records": framed({"array": ["i4,i4", [1]]}, b"12345678"),
    "an opaque thing without a name": framed({"opaque": [1, 2]}),
    "many tensors": framed([{"tensor": ["uint8", [0], False]}] * (MAX_TENSORS + 1)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_frames_are_refused(case: str):
    with pytest.raises(ProtocolError):
        decode(HOSTILE[case])


def test_an_empty_tensor_of_an_endless_shape_does_no_harm():
    for shape in ([0, 2**30], [2**30, 0, 2**30, 2**30]):
        frame = framed({"tensor": ["float32", shape, False]})
        try:
            assert decode(frame).numel() == 0
        except ProtocolError:
            continue


def test_a_truth_value_is_true_or_false_and_nothing_between():
    for frame in (
        framed({"tensor": ["bool", [2], False]}, b"\x02\x00"),
        framed({"array": ["|b1", [2]]}, b"\xff\x00"),
    ):
        received = decode(frame)
        assert received.tolist() == [True, False]
        assert bytes(np.asarray(received)) == b"\x01\x00"


def test_an_integer_tensor_never_asks_for_gradients():
    frame = framed({"tensor": ["int64", [1], True]}, b"\x00" * 8)
    assert not decode(frame).requires_grad


def test_a_decoded_tensor_can_be_written_and_shares_nothing():
    first, second = both_ways([torch.zeros(2)] * 2)
    first += 1
    assert second.tolist() == [0, 0]


def mutated(frame: bytes, generator: random.Random) -> bytes:
    data = bytearray(frame)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(8, len(data))
        way = generator.randrange(4)
        if way == 0:
            data[place] = generator.randrange(256)
        elif way == 1:
            data[place] = generator.choice(b'[]{}",:0123456789-eE.')
        elif way == 2:
            del data[place : place + generator.randint(1, 9)]
        else:
            data[place:place] = generator.randbytes(generator.randint(1, 9))
        if len(data) < 10:
            break
    text = len(FRAME) - 8 - 48 if generator.random() < 0.5 else generator.randrange(300)
    whole = generator.random() < 0.9
    struct.pack_into(">II", data, 0, len(data) - 4 if whole else 77, text)
    return bytes(data)


def test_no_frame_of_a_hundred_thousand_does_harm():
    generator = random.Random(2026)
    values = 0
    for number in range(100_000):
        frame = mutated(FRAME, generator)
        if number % 10 == 0:
            frame = generator.randbytes(generator.randrange(80))
        try:
            decode(frame)
            values += 1
        except ProtocolError:
            continue
    assert values > 500  # the mutants are close enough to frames to go deep
