"""The head of the RPN, and the order in which its answers are read."""

from torch import Tensor, nn


class RPNHead(nn.Module):
    """A 3x3 convolution, then a score and four deltas for each anchor of a position."""

    def __init__(self, channels: int, *, hidden: int, num_anchors: int) -> None:
        """Weights start small, so that no anchor is certain at first."""
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.objectness = nn.Conv2d(hidden, num_anchors, 1)
        self.deltas = nn.Conv2d(hidden, 4 * num_anchors, 1)
        for layer in (self.conv, self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> (B, A, H, W) logits and (B, 4A, H, W) deltas."""
        x = self.conv(features).relu()
        return self.objectness(x), self.deltas(x)


def flatten_map(maps: Tensor, num_anchors: int) -> Tensor:
    """The values of a map, one row an anchor, in the order of `anchor_grid`.

    (B, A * K, H, W) with the K values of anchor a in channels aK to aK + K - 1 ->
    (B, H * W * A, K). A plain `view` would hand out values to the wrong anchors.
    """
    batch, channels, height, width = maps.shape
    by_anchor = maps.reshape(batch, num_anchors, channels // num_anchors, height, width)
    return by_anchor.permute(0, 3, 4, 1, 2).flatten(1, 3)
