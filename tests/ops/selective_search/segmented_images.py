"""Images with a segmentation, for tests of regions and their grouping."""

import torch
from torch import Tensor

from course_utils.data.photos import photo
from course_utils.ops.selective_search.graph_segmentation import segment_graph


def random_image(height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.rand(channels, height, width, generator=generator)


def photograph() -> Tensor:
    return photo("coffee")[0][:, ::5, ::5].contiguous()


def segmented(name: str) -> tuple[Tensor, Tensor]:
    """An image and its segmentation."""
    if name == "photograph":
        return photograph(), segment_graph(photograph(), k=100, min_size=20)
    if name == "noise":
        image = random_image(17, 26)
        return image, segment_graph(image, k=100, min_size=8)
    if name == "grey":
        return photograph()[:1], segment_graph(photograph()[:1], k=100, min_size=20)
    if name == "flat":
        image = torch.full((3, 8, 10), 0.4)
        labels = torch.arange(4).repeat_interleave(20).view(8, 10)
        return image, labels
    return torch.full((3, 1, 1), 0.4), torch.zeros(1, 1, dtype=torch.int64)


NAMES = ["photograph", "noise", "grey", "flat", "one pixel"]
