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
            targets: one dict per image: `boxes` (N, 4) float xyxy half-open pixels,
                `labels` (N,) int64 with 0 for background, and what else a model needs.
        """
        raise TypeError(f"{type(self).__name__} defines no losses()")

    def predict(self, images: Tensor) -> list[Target]:
        """One dict per image, sorted by falling score: `boxes`, `scores`, `labels`."""
        raise TypeError(f"{type(self).__name__} defines no predict()")


def image_size(images: Tensor) -> tuple[int, int]:
    """Height and width of a batch of images."""
    return images.shape[-2], images.shape[-1]


def check_batch(
    images: Tensor | Sequence[Tensor], targets: Sequence[Target] | None = None
) -> None:
    """Raises ValueError unless images are one (B, 3, H, W) tensor, with B targets."""
    if not isinstance(images, Tensor):
        shapes = [tuple(image.shape) for image in images]
        raise ValueError(
            f"images is a {type(images).__name__} of shapes {shapes}, but one tensor "
            "(B, 3, H, W) was expected: resize or pad the images to one size and "
            "stack them"
        )
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"images has shape {tuple(images.shape)}, but (B, 3, H, W) was expected: "
            "stack images of one size, and write one image as image[None]"
        )
    if targets is not None and len(targets) != len(images):
        raise ValueError(
            f"there are {len(images)} images and {len(targets)} targets, but one "
            "target per image was expected"
        )
