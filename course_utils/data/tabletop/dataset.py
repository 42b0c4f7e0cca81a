"""The tabletop as a dataset of images and targets."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from course_utils.data.tabletop import truth as pixels
from course_utils.data.tabletop.catalog import CLASS_NAMES, TRUTHS
from course_utils.data.tabletop.make import make_scene
from course_utils.data.tabletop.scene import Scene
from course_utils.data.tabletop.target import Detail, make_target

SPLITS = ("train", "test")
Transforms = Callable[[Any, dict[str, Any]], tuple[Any, dict[str, Any]]]


class Tabletop(Dataset[tuple[tv_tensors.Image, dict[str, Any]]]):
    """Images of 1 to 8 solids on a floor, with the truth that was asked for.

    `image, target = dataset[i]`: the image is float (3, S, S) RGB in [0, 1]; the target
    holds `boxes` (N, 4) float xyxy half-open, `labels` (N,) int64, `image_id`, and what
    `truth` names (see `course_utils.data.tabletop.target` for every form). Item i
    depends on `seed`, `split` and i alone; the splits share no scene. Scenes are made
    when they are asked for.

    Args:
        length: number of scenes.
        split: "train" or "test".
        size: side of the images in pixels, at least 16.
        seed: whole number from 0 to 2**32 - 1.
        truth: names out of TRUTHS.
        min_solids: fewest solids drawn for a scene.
        max_solids: most solids drawn for a scene, at most 8.
        classes: class names that may stand in the scenes.
        scale: of the solids; 1 is as large as usual, 0.25 the least.
        groups: spots around which they crowd; 0 for solids that stand anywhere.
        grid: voxels a side.
        points: surface samples a solid.
        transforms: a torchvision.transforms.v2 transform of (image, target).
    """

    def __init__(
        self,
        length: int,
        *,
        split: Literal["train", "test"] = "train",
        size: int = 128,
        seed: int = 0,
        truth: Sequence[str] = ("masks", "semantic"),
        min_solids: int = 1,
        max_solids: int = 8,
        classes: Sequence[str] = CLASS_NAMES[1:],
        scale: float = 1.0,
        groups: int = 0,
        grid: int = 24,
        points: int = 1024,
        transforms: Transforms | None = None,
    ) -> None:
        _check(length, split, size, seed, truth)
        self.length, self.split, self.size, self.seed = length, split, size, seed
        self.truth, self.transforms = tuple(truth), transforms
        self.detail = Detail(grid, points)
        self.settings: dict[str, Any] = {
            "min_solids": min_solids,
            "max_solids": max_solids,
            "classes": tuple(classes),
            "scale": scale,
            "groups": groups,
        }
        if grid < 1 or points < 1:
            raise ValueError(f"grid={grid}, points={points}: expected 1 or more")
        make_scene(0, **self.settings)  # raises on settings that no scene can have

    def __len__(self) -> int:
        """Number of scenes."""
        return self.length

    def scene(self, index: int) -> Scene:
        """The scene behind item `index`."""
        index = range(self.length)[index]  # IndexError past the end, as a list has it
        key = (SPLITS.index(self.split) + 1, self.seed, index)
        return make_scene(key, **self.settings)

    def rendering(self, index: int) -> pixels.Rendering:
        """The picture of item `index` with all that its rays found."""
        return pixels.render(self.scene(index), self.size)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, dict[str, Any]]:
        """The image and target of one scene."""
        rendering = self.rendering(index)
        image = tv_tensors.Image(torch.from_numpy(rendering.image).float() / 255)
        target = make_target(rendering, self.truth, detail=self.detail)
        target["image_id"] = range(self.length)[index]
        if self.transforms is not None:
            return self.transforms(image, target)
        return image, target


def load_scenes(
    count: int, split: Literal["train", "test"], **settings: Any
) -> list[tuple[Tensor, dict[str, Tensor]]]:
    """Scenes as detectors learn from them, made once and kept in a list.

    Images are plain tensors (3, S, S); targets hold `boxes` (N, 4) and `labels` (N,),
    and nothing else. `settings` are of `Tabletop`, such as `size`.
    """
    dataset = Tabletop(count, split=split, truth=(), **settings)
    return [
        (
            image.as_subclass(Tensor),
            {name: target[name].as_subclass(Tensor) for name in ("boxes", "labels")},
        )
        for image, target in (dataset[i] for i in range(count))
    ]


def _check(length: int, split: str, size: int, seed: int, truth: Sequence[str]) -> None:
    """Refuse settings that make no sense."""
    if length < 0:
        raise ValueError(f"length={length}: expected 0 or more scenes")
    if split not in SPLITS:
        raise ValueError(f"split={split!r}: choose from {SPLITS}")
    if size < 16:
        raise ValueError(f"size={size}: expected at least 16 pixels a side")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed={seed}: expected a whole number from 0 to 2**32 - 1")
    if isinstance(truth, str):
        raise ValueError(f"truth={truth!r}: expected a tuple of names, ({truth!r},)")
    unknown = [name for name in truth if name not in TRUTHS]
    if unknown:
        raise ValueError(f"truth {unknown}: choose from {TRUTHS}")
