"""The convolutions that turn an image into the feature map which detectors share."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE = 8  # of channels; convolutions are fastest in whole vectors of a processor


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe and Szegedy 2015) that changes only while learning.

    It uses the statistics of the batch in train mode where gradients are recorded.
    Without gradients it uses those that it has learned, in either mode, so that a
    prediction depends neither on the mode nor on the other images.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training and torch.is_grad_enabled(),
            momentum=self.momentum or 0.0,
            eps=self.eps,
        )


def convolution(fine: int, coarse: int, *, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution and its normalisation: (B, fine, H, W) -> (B, coarse, ...)."""
    return nn.Sequential(
        nn.Conv2d(fine, coarse, 3, stride=stride, padding=1, bias=False),
        BatchNorm(coarse),
    )


class Residual(nn.Module):
    """What two convolutions add to their input of `width` channels (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)
        # A block starts close to doing nothing: it learns faster (Goyal et al. 2017).
        nn.init.constant_(self.second[1].weight, 0.1)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) -> the same shape."""
        change: Tensor = self.second(self.first(x).relu())
        return (x + change).relu()


def check_widths(widths: Sequence[int]) -> None:
    """Raises ValueError unless there are widths, all multiples of 8."""
    if not widths or any(width < MULTIPLE or width % MULTIPLE for width in widths):
        raise ValueError(
            f"widths is {tuple(widths)}, but multiples of {MULTIPLE} were expected"
        )


class Backbone(nn.Module):
    """A small residual network whose map is `stride` times smaller than the image.

    Args:
        widths: channels after each halving, multiples of 8; three of them make a
            stride of 8.
        depth: residual blocks after each halving but the first.

    Raises ValueError if there is no width, or one is no multiple of 8.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 96), *, depth: int = 1) -> None:
        super().__init__()
        check_widths(widths)
        layers: list[nn.Module] = [convolution(3, widths[0], stride=2), nn.ReLU()]
        self.ends = [len(layers)]  # layers after which a map is complete
        for fine, coarse in pairwise(widths):
            layers += [convolution(fine, coarse, stride=2), nn.ReLU()]
            layers += [Residual(coarse) for _ in range(depth)]
            self.ends.append(len(layers))
        self.layers, self.widths = nn.Sequential(*layers), tuple(widths)
        self.stride, self.out_channels = 2 ** len(widths), widths[-1]
        # Channels of a pixel side by side: on a CPU, a tenth less time a step.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, out_channels, H / stride, W / stride)."""
        return self.maps(images)[-1]

    def maps(self, images: Tensor) -> list[Tensor]:
        """The map after each halving, the finest first; the last is `forward`'s.

        (B, 3, H, W) in [0, 1] -> (B, width, H / 2, W / 2), then H / 4, and so on.
        """
        x = images.contiguous(memory_format=torch.channels_last)
        x = (x - 0.5) * 4  # mean near 0, variance near 1
        maps = []
        for done, layer in enumerate(self.layers, start=1):
            x = layer(x)
            if done in self.ends:
                maps.append(x)
        return maps
