"""Checkpoints: written whole or not at all, resumed only by the run that wrote them."""

import os
import pickle
import zlib
from collections.abc import Mapping, Sequence, Sized
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from course_utils.training.settings import TrainingSettings

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


class Checkpoint:
    """The file from which a run goes on after a stop, if its settings name one."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        dataset: Sized,
        settings: TrainingSettings,
    ) -> None:
        self.model, self.optimizer, self.settings = model, optimizer, settings
        self.path = None if settings.checkpoint is None else Path(settings.checkpoint)
        self.identity = describe_settings(settings) | {
            "model": describe_model(model),
            "examples": len(dataset),
        }

    def resume(self) -> dict[str, Any]:
        """Load the model and the optimizer; the rows and seconds of `History` so far.

        Nothing is loaded, and nothing comes back, where there is no file.
        """
        if self.path is None or not self.path.exists():
            return {}
        device = torch.device(self.settings.device)
        content = read_checkpoint(self.path, self.identity, device)
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        return {"rows": content["history"], "seconds": content["seconds"]}

    def save(self, rows: Sequence[Mapping[str, float]], seconds: float) -> None:
        """Write the file if it is time for that: now and then, and at the end."""
        done, every = len(rows), self.settings.checkpoint_every
        is_due = done % every == 0 or done == self.settings.steps
        if self.path is not None and is_due:
            content = {
                "identity": self.identity,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": list(rows),
                "seconds": seconds,
            }
            write_checkpoint(self.path, content)


def describe_settings(settings: TrainingSettings) -> Identity:
    """The settings that decide which weights come out, by name."""
    names = [field.name for field in fields(settings) if field.compare]
    known = {name: getattr(settings, name) for name in names}
    augment = settings.augment
    known["augment"] = getattr(augment, "__qualname__", type(augment).__name__)
    return known
