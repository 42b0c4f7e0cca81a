"""Trained models that one lesson keeps in the learner's cache for another to use."""

import sys
from pathlib import Path

import torch

from course_utils.models.model import Model
from course_utils.results import cache_folder
from course_utils.training.checkpoints import (
    Identity,
    describe_model,
    read_checkpoint,
    write_checkpoint,
)


def kept_path(name: str, budget: str) -> Path:
    """Where the model of this name and budget is kept.

    Raises ValueError if the name is more than letters, digits, "_" and "-".
    """
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(
            f"name is {name!r}, but a word of letters, digits, '_' and '-' was "
            "expected, such as 'faster_rcnn': it becomes the name of a file"
        )
    return cache_folder() / "models" / f"{name}.{budget}.pt"


def identity_of(model: Model) -> Identity:
    """What has to be the same for the weights of one model to fit another."""
    return {"model": describe_model(model)}


def keep_model(model: Model, name: str, budget: str) -> Path:
    """Keep the model's weights in the cache, in place of older ones; returns the file.

    A crash meanwhile leaves the older ones.
    """
    path = kept_path(name, budget)
    content = {"identity": identity_of(model), "weights": model.state_dict()}
    write_checkpoint(path, content)
    return path


def load_model(model: Model, name: str, budget: str) -> bool:
    """Give the model the weights kept for this name and budget, if there are any.

    Returns whether it got them. If not, because none are kept, the file is broken, or
    it is of a model of other shapes, the model stays as it is and the reason is
    printed. A model that got them is in eval mode.
    """
    path = kept_path(name, budget)
    if not path.exists():
        return say(f"no trained {name} is kept for the budget {budget!r}")
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    try:
        content = read_checkpoint(path, identity_of(model), device)
        model.load_state_dict(content["weights"])
    except (ValueError, KeyError, RuntimeError) as reason:
        return say(f"the kept {name} cannot be used: {reason}")
    model.eval()
    return True


def say(reason: str) -> bool:
    """Print why there is no model; always False."""
    sys.stdout.write(f"{reason}\n")
    return False
