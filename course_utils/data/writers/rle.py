"""COCO's run-length code of a mask, in its compressed form."""

import numpy as np
from numpy.typing import NDArray


def encode_rle(mask: NDArray[np.bool_]) -> dict[str, list[int] | str]:
    """{"size": [H, W], "counts": text} of an (H, W) mask, as pycocotools writes it.

    The runs go down the columns and start with zeros, so the first may be empty.
    """
    flat = mask.astype(bool).ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate([[0], ends, [flat.size]]) if flat.size else np.zeros(1)
    counts = [int(n) for n in np.diff(bounds)]
    if flat.size and flat[0]:
        counts = [0, *counts]
    return {"size": [int(side) for side in mask.shape], "counts": _to_text(counts)}


def decode_rle(code: dict[str, list[int] | str]) -> NDArray[np.bool_]:
    """The (H, W) mask of a code that `encode_rle` or pycocotools made."""
    size, text = code["size"], code["counts"]
    if not isinstance(text, str) or not isinstance(size, list):
        raise ValueError(f"counts {text!r}: expected compressed text, size [H, W]")
    counts = _from_text(text)
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(size, order="F")


def _to_text(counts: list[int]) -> str:
    """Five bits a character, lowest first, of each count less the one two before."""
    text = ""
    for i, count in enumerate(counts):
        rest = count - (counts[i - 2] if i > 2 else 0)
        more = True
        while more:
            bits, rest = rest & 31, rest >> 5
            # The last character's fifth bit is the sign of the whole number.
            more = rest != (-1 if bits & 16 else 0)
            text += chr(48 + bits + (32 if more else 0))
    return text


def _from_text(text: str) -> list[int]:
    """The run lengths that `_to_text` wrote."""
    counts: list[int] = []
    value = shift = 0
    for char in text:
        bits = ord(char) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
