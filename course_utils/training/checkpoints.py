"""Checkpoints: written whole or not at all, resumed only by the run that wrote them."""

import os
import pickle
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Identity = dict[str, Any]


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` so that a crash leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with new.open("wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def read_checkpoint(path: Path, identity: Identity, device: torch.device) -> Any:
    """The content written at `path`, with its tensors on `device`.

    Raises ValueError if the file is no checkpoint, or if its run had another identity:
    other settings, another model, other data.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        stored = content["identity"]
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as bad:
        raise ValueError(
            f"{path} cannot be read as a checkpoint ({type(bad).__name__}): delete it "
            "or give another path"
        ) from bad
    different = [
        f"{name} was {stored.get(name)!r} and is {value!r} now"
        for name, value in identity.items()
        if stored.get(name) != value
    ]
    if different:
        raise ValueError(
            f"{path} is of another run: {'; '.join(different)}. Use the same settings, "
            "give another path, or delete the file to start anew"
        )
    return content


def describe_model(model: nn.Module) -> str:
    """Words that change with the names and shapes of a model's weights."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    count = sum(weight.numel() for weight in model.parameters())
    return f"{count} parameters, number {zlib.crc32(repr(shapes).encode()):08x}"


def describe_batch(images: Tensor, targets: Sequence[Mapping[str, Any]]) -> str:
    """Words that change with the images and with the tensors of their targets."""
    number = tensor_number(images, 0)
    for target in targets:
        for name, value in sorted(target.items()):
            if isinstance(value, Tensor):
                number = tensor_number(value, zlib.crc32(name.encode(), number))
    return f"number {number:08x}"


def tensor_number(values: Tensor, start: int) -> int:
    """A checksum of the tensor's shape and values that goes on from `start`."""
    plain = values.detach().as_subclass(Tensor).cpu().contiguous()
    start = zlib.crc32(repr(tuple(plain.shape)).encode(), start)
    return zlib.crc32(plain.numpy().tobytes(), start)
