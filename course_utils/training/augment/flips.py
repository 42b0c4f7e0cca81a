"""Images flipped at random, so that a detector sees twice as many of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.models.model import Target

BOXES = ("boxes", "proposals")
UNCHANGED = ("labels", "image_id")


def check_entries(targets: Sequence[Target], known: Sequence[str]) -> None:
    """Raise ValueError if a target holds truth that is not known how to change."""
    unknown = {name for target in targets for name in target} - set(known)
    if unknown:
        raise ValueError(
            f"the targets hold {sorted(unknown)}, but only {tuple(known)} can be "
            "changed along with an image: make the dataset without it, as in "
            "Tabletop(n, truth=())"
        )


def flip_target(target: Target, width: float) -> Target:
    """The target of the mirrored image: x1 and x2 change places.

    Raises ValueError if the target holds truth that this function cannot mirror.
    """
    check_entries([target], BOXES + UNCHANGED)
    return target | {
        name: torch.stack([width - x2, y1, width - x1, y2], dim=1)
        for name in BOXES
        if name in target
        for x1, y1, x2, y2 in [target[name].as_subclass(Tensor).unbind(1)]
    }


def flip_half(
    images: Tensor, targets: list[Target], generator: torch.Generator
) -> tuple[Tensor, list[Target]]:
    """The batch with each image mirrored left to right, or not, at random.

    An `augment` of `train`: (B, 3, H, W) images and targets with `boxes` (N, 4) xyxy.
    """
    is_flipped = torch.rand(len(images), generator=generator) < 0.5
    images = images.as_subclass(Tensor)
    flipped = images.flip(-1).where(is_flipped[:, None, None, None], images)
    return flipped, [
        flip_target(target, images.shape[-1]) if flip else target
        for target, flip in zip(targets, is_flipped.tolist(), strict=True)
    ]
