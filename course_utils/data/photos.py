"""Photographs inside scikit-image's wheel, with boxes made by hand.

| name | what is on it | licence, as scikit-image states it |
|---|---|---|
| astronaut | the face of Eileen Collins | public domain (NASA) |
| coffee | a cup | CC0, by Rachel Michetti |
| chelsea | a cat | CC0, by Stefan van der Walt |
| rocket | a rocket on its pad | public domain (SpaceX) |
| coins | 24 Greek coins | no known copyright restrictions (Brooklyn Museum) |

The faces of `face_patches` are from Labeled Faces in the Wild: news photographs of real
people, without a stated licence. Load them from the wheel; do not copy them elsewhere.
"""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import masks_to_boxes

CLASS_NAMES = ("background", "face", "cup", "cat", "rocket", "coin")

# Tight to the pixel by eye, xyxy half-open. The face goes from ear to ear and from the
# fringe to the chin; the cup has its handle; the cat leaves the picture on three sides;
# the rocket stands without its tower.
BOXES = {
    "astronaut": ("face", (173, 73, 281, 178)),
    "coffee": ("cup", (174, 18, 409, 308)),
    "chelsea": ("cat", (0, 0, 400, 300)),
    "rocket": ("rocket", (311, 126, 334, 407)),
}
PHOTO_NAMES = (*BOXES, "coins")
FACES, TRAIN_FACES = 100, 75  # the set holds 100 faces, then 100 others


def photo(name: str) -> tuple[Tensor, dict[str, Tensor]]:
    """A photograph and what is on it.

    Returns the image (3, H, W) float RGB in [0, 1], the same grey in all three channels
    for the coins, and a target of `boxes` (N, 4) float xyxy half-open and `labels` (N,)
    int64, which index `CLASS_NAMES`. The coins also have `masks` (24, H, W) bool.

    Raises ValueError for a name that is not in `PHOTO_NAMES`.
    """
    if name not in PHOTO_NAMES:
        raise ValueError(
            f"there is no photograph {name!r}: choose one of {', '.join(PHOTO_NAMES)}"
        )
    import skimage.data

    pixels = np.asarray(getattr(skimage.data, name)())
    image = torch.from_numpy(pixels.copy()).float() / 255
    if name == "coins":
        return image.expand(3, -1, -1).contiguous(), coin_target(pixels)
    thing, box = BOXES[name]
    labels = torch.tensor([CLASS_NAMES.index(thing)])
    target = {"boxes": torch.tensor([box]).float(), "labels": labels}
    return image.permute(2, 0, 1).contiguous(), target


def coin_target(pixels: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Masks of the coins, and the boxes and labels that follow from them."""
    regions = coin_regions(pixels)
    count = int(regions.max())
    masks = torch.from_numpy(regions == np.arange(1, count + 1)[:, None, None])
    boxes = masks_to_boxes(masks)  # its last pixel is inside, so one more is the end
    boxes[:, 2:] += 1
    labels = torch.full((count,), CLASS_NAMES.index("coin"))
    return {"boxes": boxes, "labels": labels, "masks": masks}


def coin_regions(pixels: NDArray[np.uint8]) -> Any:
    """Each coin's number on its pixels, 0 elsewhere: (H, W) integers.

    Surely dark and surely bright pixels are flooded over the strength of edges, as in
    scikit-image's example of segmentation by regions.
    """
    from scipy.ndimage import binary_fill_holes
    from skimage.filters import sobel
    from skimage.measure import label as number
    from skimage.segmentation import watershed

    sure = np.zeros(pixels.shape, dtype=np.int32)
    sure[pixels < 30], sure[pixels > 150] = 1, 2
    edges = sobel(pixels)  # type: ignore[no-untyped-call]
    flooded = watershed(edges, sure)  # type: ignore[no-untyped-call]
    bright = binary_fill_holes(flooded == 2)
    regions = number(bright)  # type: ignore[no-untyped-call]
    # The smallest coin has 1,077 pixels; one speck of dust has 2.
    is_dust = np.bincount(regions.ravel()) < 100
    return number(bright & ~is_dust[regions])  # type: ignore[no-untyped-call]


def face_patches(split: Literal["train", "test"]) -> tuple[Tensor, Tensor]:
    """Small grey pictures of faces and of other things.

    Returns images (N, 1, 25, 25) float in [0, 1] and labels (N,) int64, 1 for a face
    and 0 for none: 75 of each for "train", 25 other ones of each for "test".

    Raises ValueError for another split.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split is {split!r}, but 'train' or 'test' was expected")
    import skimage.data

    patches = skimage.data.lfw_subset()  # type: ignore[no-untyped-call]
    images = torch.from_numpy(patches).float()[:, None]
    # Neighbours in the set may be alike, so a split by place could be unfair; this
    # one is random, and the same for everyone.
    order = torch.randperm(FACES, generator=torch.Generator().manual_seed(0))
    chosen = order[:TRAIN_FACES] if split == "train" else order[TRAIN_FACES:]
    labels = torch.tensor([1, 0]).repeat_interleave(len(chosen))
    return torch.cat([images[chosen], images[FACES + chosen]]), labels
