"""A classifier of square windows that can also score every window of an image."""

import torch.nn.functional as F
from torch import Tensor, nn


class LocalContrast(nn.Module):
    """How far each pixel lies from the mean around it, in standard deviations.

    Takes away what the light does: a face in the sun and the same face in the shade
    come out alike. Without padding, a frame of (size - 1) / 2 pixels is lost.
    """

    def __init__(self, size: int) -> None:
        """Looks at `size` x `size` pixels around each; `size` is odd."""
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H - size + 1, W - size + 1)."""
        frame = self.size // 2
        mean = F.avg_pool2d(images, self.size, stride=1)
        variance = F.avg_pool2d(images**2, self.size, stride=1) - mean**2
        middle = images[..., frame:-frame, frame:-frame]
        # A floor of 0.05, so that the noise of a plain wall is not blown up.
        return (middle - mean) / (variance.clamp(min=0) + 0.05**2).sqrt()


class Centered(nn.Module):
    """Images brought from [0, 1] to a mean near 0 and a variance near 1."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W)."""
        return (images - 0.5) * 4


def valid_convolutions(first: int, middle: int, last: int) -> nn.Sequential:
    """Four 3x3 convolutions and two 2x2 poolings, with so many channels.

    Nothing is padded, so that what comes out never feels the border of the picture:
    (B, 3, H, W) -> (B, last, (H - 12) / 4, (W - 12) / 4), rounded down.
    """
    return nn.Sequential(
        nn.Conv2d(3, first, 3),
        nn.ReLU(),
        nn.Conv2d(first, first, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, middle, 3),
        nn.ReLU(),
        nn.Conv2d(middle, last, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class WindowClassifier(nn.Module):
    """Class scores of a square window; label 0 is background."""

    stride = 4  # two poolings, each halving: dense scores lie this far apart

    def __init__(
        self,
        num_classes: int,
        *,
        window: int = 24,
        contrast: int = 1,
        widths: tuple[int, int, int] = (16, 32, 64),
        hidden: int = 64,
    ) -> None:
        """With `contrast` above 1, pixels are compared with so large a square."""
        super().__init__()
        self.window, self.side = window, map_side(window, contrast)
        self.prepare = LocalContrast(contrast) if contrast > 1 else Centered()
        self.features = valid_convolutions(*widths)
        self.hidden = nn.Linear(widths[-1] * self.side**2, hidden)
        self.classify = nn.Linear(hidden, num_classes)
        self.apply(keep_variance)

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 3, window, window) crops -> (B, num_classes) logits."""
        maps = self.features(self.prepare(crops))  # (B, last, side, side)
        logits: Tensor = self.classify(self.hidden(maps.flatten(1)).relu())
        return logits


def map_side(window: int, contrast: int) -> int:
    """Side of the last map that a window leaves.

    Raises ValueError unless the pixels beside the frame that `contrast` takes are 16,
    20, 24, ...: both poolings must divide what reaches them.
    """
    side, rest = divmod(window - (contrast - 1) - 12, 4)
    if contrast < 1 or contrast % 2 == 0:
        raise ValueError(f"contrast is {contrast}, but 1, 3, 5, ... was expected")
    if side < 1 or rest:
        raise ValueError(
            f"window is {window}, but {contrast + 15}, {contrast + 19}, "
            f"{contrast + 23}, ... was expected: both poolings must divide what "
            "reaches them"
        )
    return side


def keep_variance(layer: nn.Module) -> None:
    """Start weights so that the signal neither fades nor grows (He et al. 2015).

    PyTorch's own start is smaller: after six layers without normalisation, little of
    the picture would be left, and learning would begin slowly.
    """
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def dense_logits(classifier: WindowClassifier, images: Tensor) -> Tensor:
    """Logits of every window at a stride of 4 pixels, in one pass.

    (B, 3, H, W) images -> (B, num_classes, rows, columns), in the order of
    `window_grid`. The layers are those of the classifier; a fully connected one is a
    convolution as large as the map that it reads.
    """
    hidden, classify = classifier.hidden, classifier.classify
    kernels = hidden.weight.view(len(hidden.weight), -1, *[classifier.side] * 2)
    maps = classifier.features(classifier.prepare(images))  # (B, last, ...)
    maps = F.conv2d(maps, kernels, hidden.bias).relu()  # (B, hidden, rows, columns)
    return F.conv2d(maps, classify.weight[:, :, None, None], classify.bias)
