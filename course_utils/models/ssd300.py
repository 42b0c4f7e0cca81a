"""The backbone of SSD300: VGG-16, then convolutions down to a map of a single cell.

Liu et al. 2016, figure 2. It has 23 million weights, so a lesson looks at its shapes
alone, on the device "meta" where tensors hold no numbers.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Mean colour of ImageNet; VGG-16 was trained on values up to 255 without it.
MEAN_COLOR = (123.0, 117.0, 104.0)


class L2Normalization(nn.Module):
    """Each position's vector made as long as a learned scale, channel by channel.

    Liu et al. 2015 (ParseNet): the features of conv4_3 are much larger than those of
    deeper maps, and their heads would learn at different speeds.
    """

    def __init__(self, channels: int, *, scale: float = 20.0) -> None:
        """All channels start with the same scale."""
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape; a vector of zeros stays one."""
        return F.normalize(x, dim=1) * self.scale[:, None, None]


def vgg_block(fine: int, coarse: int, count: int) -> list[nn.Module]:
    """`count` convolutions of 3x3, each with a ReLU."""
    layers: list[nn.Module] = []
    for inputs in [fine] + [coarse] * (count - 1):
        layers += [nn.Conv2d(inputs, coarse, 3, padding=1), nn.ReLU()]
    return layers


def extra_block(fine: int, coarse: int, *, stride: int, padding: int) -> nn.Sequential:
    """A 1x1 convolution to half of `coarse` channels, then one of 3x3."""
    return nn.Sequential(
        nn.Conv2d(fine, coarse // 2, 1),
        nn.ReLU(),
        nn.Conv2d(coarse // 2, coarse, 3, stride=stride, padding=padding),
        nn.ReLU(),
    )


class SSD300Backbone(nn.Module):
    """Six maps of 38, 19, 10, 5, 3 and 1 cells a side from images of 300 x 300."""

    def __init__(self) -> None:
        """Untrained; `out_channels` are those of the six maps."""
        super().__init__()
        self.out_channels = (512, 1024, 512, 256, 256, 256)
        self.to_conv4 = nn.Sequential(
            *vgg_block(3, 64, 2),
            nn.MaxPool2d(2),
            *vgg_block(64, 128, 2),
            nn.MaxPool2d(2),
            *vgg_block(128, 256, 3),
            nn.MaxPool2d(2, ceil_mode=True),  # 75 cells to 38, which would be 37
            *vgg_block(256, 512, 3),
        )
        self.normalize = L2Normalization(512)
        self.to_fc7 = nn.Sequential(
            nn.MaxPool2d(2),
            *vgg_block(512, 512, 3),
            nn.MaxPool2d(3, stride=1, padding=1),
            # VGG's fully connected layers, thinned out to convolutions.
            nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
            nn.ReLU(),
            nn.Conv2d(1024, 1024, 1),
            nn.ReLU(),
        )
        shrink = [(2, 1), (2, 1), (1, 0), (1, 0)]  # 19, 10, 5, 3, 1
        self.extras = nn.ModuleList(
            extra_block(fine, coarse, stride=stride, padding=padding)
            for (fine, coarse), (stride, padding) in zip(
                pairwise(self.out_channels[1:]), shrink, strict=True
            )
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, 300, 300) in [0, 1] -> the six maps."""
        mean = images.new_tensor(MEAN_COLOR)[:, None, None]
        x = self.to_conv4(images * 255 - mean)
        maps = [self.normalize(x)]
        x = self.to_fc7(x)
        maps.append(x)
        for extra in self.extras:
            x = extra(x)
            maps.append(x)
        return maps
