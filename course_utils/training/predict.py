"""Predictions for a whole set of images, as metrics take them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.models.model import Model, Target
from course_utils.training.batches import Examples, load_batch


@torch.no_grad()
def predict_all(
    model: Model,
    dataset: Examples,
    *,
    proposals: Sequence[Tensor] | None = None,
    batch_size: int = 10,
) -> list[Target]:
    """What the model predicts for every image, on the CPU.

    Args:
        model: it predicts on the device of its weights.
        dataset: (image, target) at each index; no target is looked at.
        proposals: (N, 4) xyxy for each image, if the model's `predict` takes them.
        batch_size: how many images of one size are predicted at once.
    """
    device = next(model.parameters()).device
    predict: Callable[..., list[Target]] = model.predict
    found: list[Target] = []
    for start in range(0, len(dataset), batch_size):
        places = range(start, min(start + batch_size, len(dataset)))
        images, _ = load_batch(dataset, places)
        given = [] if proposals is None else [[proposals[i].to(device) for i in places]]
        found += predict(images.as_subclass(Tensor).to(device), *given)
    return [{name: values.cpu() for name, values in each.items()} for each in found]
