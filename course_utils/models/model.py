"""The two methods that every model of the course has."""

from collections.abc import Sequence

from torch import Tensor, nn

Target = dict[str, Tensor]


class Model(nn.Module):
    """A network that knows its losses and its predictions.

    What comes back never depends on train or eval mode.
    """

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The named losses, each a scalar; their sum is what training lowers.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            targets: one dict an image: `boxes` (N, 4) float xyxy half-open pixels,
                `labels` (N,) int64 with 0 for background, and what else a model needs.
        """
        raise TypeError(f"{type(self).__name__} defines no losses()")

    def predict(self, images: Tensor) -> list[Target]:
        """One dict an image, sorted by falling score: `boxes`, `scores`, `labels`."""
        raise TypeError(f"{type(self).__name__} defines no predict()")
