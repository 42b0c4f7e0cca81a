"""What all writers share: the dataset's interface, and saving pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


class ImageDataset(Protocol):
    """A dataset of (image, target) pairs; targets hold boxes, labels, maybe masks."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, dict[str, Any]]:
        """Image float (3, H, W) in [0, 1], and its target."""
        ...


def items(dataset: ImageDataset) -> Iterator[tuple[int, Tensor, dict[str, Any]]]:
    """Every index, image and target in turn."""
    for index in range(len(dataset)):
        yield index, *dataset[index]


def new_folder(folder: str | Path) -> Path:
    """The folder, made where it is missing; refused where it holds anything."""
    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{path} is there and not empty: name a new or empty folder")
    path.mkdir(parents=True, exist_ok=True)
    return path


def save_image(image: Tensor, path: Path) -> None:
    """Save a float (3, H, W) image; the suffix chooses PNG or JPEG (quality 95)."""
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    # The setting is JPEG's; PNG, which loses nothing, takes no notice of it.
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, quality=95)


def voc_palette() -> list[int]:
    """The 256 colours of VOC's maps: the index's bits over red, green and blue."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    index = np.arange(256)
    for bit in range(8):
        for channel in range(3):
            value = (index >> (3 * bit + channel)) & 1
            colors[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    return [int(value) for value in colors.ravel()]


def save_map(labels: NDArray[np.uint8], path: Path) -> None:
    """Save an (H, W) map as a palette PNG, whose pixels are the numbers themselves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels)
    picture.putpalette(voc_palette())
    picture.save(path)
