"""ResNet-50 cut after its fourth stage, and the fifth stage as a box head.

The layout called C4 (He et al. 2016): a map of stride 16 is shared by proposals and
boxes, and the last stage of the network reads each pooled RoI. For images of 256 pixels
and more, on a GPU.
"""

from torch import Tensor, nn
from torchvision.models import resnet50

from course_utils.models.backbone import BatchNorm

GROUPS = 32


def group_norm(channels: int) -> nn.GroupNorm:
    """Normalisation of the head: unlike that over a batch, it allows for no RoI."""
    return nn.GroupNorm(GROUPS, channels)


class ResNetC4(nn.Module):
    """ResNet-50 up to `layer3`, with random weights: 1024 channels, a stride of 16."""

    stride, out_channels = 16, 1024

    def __init__(self) -> None:
        """Takes the layers of torchvision's network."""
        super().__init__()
        whole = resnet50(weights=None, norm_layer=BatchNorm)
        self.stem = nn.Sequential(whole.conv1, whole.bn1, whole.relu, whole.maxpool)
        self.layers = nn.Sequential(whole.layer1, whole.layer2, whole.layer3)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, 1024, H / 16, W / 16)."""
        maps: Tensor = self.layers(self.stem((images - 0.5) * 4))
        return maps


class ResNetC5Head(nn.Module):
    """The last stage of ResNet-50, then a score and four deltas a class."""

    def __init__(self, *, num_classes: int) -> None:
        """The last two layers start small, so that nothing is certain at first."""
        super().__init__()
        self.layer4 = resnet50(weights=None, norm_layer=group_norm).layer4
        self.cls_score = nn.Linear(2048, num_classes)
        self.bbox_pred = nn.Linear(2048, 4 * num_classes)
        for layer, spread in ((self.cls_score, 0.01), (self.bbox_pred, 0.001)):
            nn.init.normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """(R, 1024, P, P) -> (R, K) logits and (R, 4K) deltas."""
        x = self.layer4(pooled).mean(dim=(2, 3))
        return self.cls_score(x), self.bbox_pred(x)
