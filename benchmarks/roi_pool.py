"""RoI pooling beside torchvision's kernel, forward alone and with its backward."""

import functools

import torch
import torchvision
from torch import Tensor

from benchmarks.measure import Row, compare
from course_utils.ops.roi import roi_pool

POOLED = 7
# Images, channels, side of the map, stride, RoIs: the course's own, and VGG-16's.
CASES = (
    (2, 96, 16, 8, 128),
    (2, 96, 16, 8, 512),
    (2, 96, 16, 8, 1024),
    (1, 512, 38, 16, 300),
    (1, 512, 38, 16, 2000),
)


def random_rois(images: int, number: int, side: int) -> Tensor:
    """(R, 5) boxes of 8 pixels to half the image, inside the image."""
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(number, 2, generator=generator) * 0.8 * side
    size = 8 + torch.rand(number, 2, generator=generator) * 0.5 * side
    image = torch.randint(images, (number, 1), generator=generator)
    return torch.cat([image.float(), low, (low + size).clamp(max=side)], dim=1)


def rows() -> list[Row]:
    """Times of both directions for each case."""
    return [row for case in CASES for row in case_rows(*case)]


def case_rows(
    images: int, channels: int, side: int, stride: int, number: int
) -> list[Row]:
    """Forward, and forward with backward; raises if a value differs."""
    features = torch.randn(images, channels, side, side, requires_grad=True)
    rois = random_rois(images, number, side * stride)
    settings = {"output_size": POOLED, "spatial_scale": 1 / stride}
    ours = functools.partial(roi_pool, features, rois, **settings)
    peer = functools.partial(torchvision.ops.roi_pool, features, rois, **settings)
    if not torch.equal(ours(), peer()):
        raise AssertionError(f"{number} RoIs: other values than torchvision's")
    gradient = torch.randn_like(peer())
    case = f"{number:,} RoIs, {images} x {channels} x {side} x {side}"
    return [
        compare("roi_pool", case, ours, "torchvision", peer),
        compare(
            "roi_pool and backward",
            case,
            lambda: torch.autograd.grad(ours(), features, gradient),
            "torchvision",
            lambda: torch.autograd.grad(peer(), features, gradient),
        ),
    ]
