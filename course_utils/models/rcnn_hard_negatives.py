"""One pass over all images for the negatives that R-CNN's SVMs get wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.models.rcnn_svm import LinearSVMs, fit_svms, scale_to_norm


class Round(NamedTuple):
    """One fit of the SVMs, while they look for hard negatives."""

    images: int  # looked at so far
    negatives: int  # in use, over all classes
    dropped: int  # that had become easy


class HardNegatives:
    """The examples in use: all positives, and the negatives that are hard so far.

    Args:
        x: (N, F) features, scaled.
        signs: (N, K) of +1, -1 or 0.
        c: see `fit_svms`.
        positive_weight: see `fit_svms`.
    """

    def __init__(
        self, x: Tensor, signs: Tensor, *, c: float, positive_weight: float
    ) -> None:
        """There are no negatives and no SVMs yet."""
        self.x, self.signs, self.is_used = x, signs, signs > 0
        self.c, self.positive_weight = c, positive_weight
        self.svms: LinearSVMs | None = None

    def take(self, rows: slice, *, above: float) -> Tensor:
        """Use the negatives among these rows with a score above a bound.

        Without SVMs, every negative is used. Returns how many are new: (K,).
        """
        found = (self.signs[rows] < 0) & ~self.is_used[rows]
        if self.svms is not None:
            found &= self.svms(self.x[rows]) > above
        self.is_used[rows] |= found
        return found.sum(dim=0)

    def fit(self, *, easy: float) -> tuple[LinearSVMs, int, int]:
        """Fit the SVMs, then drop the negatives with scores below `easy`.

        Returns the SVMs, how many negatives they learned from, and how many went.
        """
        rows = self.is_used.any(dim=1)
        signs = (self.signs * self.is_used)[rows]
        self.svms = fit_svms(
            self.x[rows],
            signs,
            c=self.c,
            positive_weight=self.positive_weight,
            start=self.svms,
        )
        goes = self.is_used & (self.signs < 0) & (self.svms(self.x) < easy)
        self.is_used &= ~goes
        return self.svms, int((signs < 0).sum()), int(goes.sum())


def train_svms(
    features: Sequence[Tensor],
    signs: Sequence[Tensor],
    *,
    c: float = 1e-3,
    positive_weight: float = 2.0,
    limit: int = 2000,
    hard: float = -1.0,
    easy: float = -1.2,
) -> tuple[LinearSVMs, list[Round]]:
    """SVMs of all classes, from one pass over the images for hard negatives.

    There are far too many negatives to use all of them, and most say nothing new. The
    SVMs start with the negatives of the first images; of the others they take only
    those that they get wrong or nearly so. Every `limit` of them they are fitted again.

    Args:
        features: (N, F) for each image.
        signs: (N, K) for each image, of +1, -1 or 0; see `svm_signs`.
        c: see `fit_svms`.
        positive_weight: see `fit_svms`.
        limit: new negatives of one class before the next fit.
        hard: a negative with a score above this is taken.
        easy: a negative in use is dropped once its score is below this.

    Returns the SVMs and what was in use at each fit. Raises ValueError without images.
    """
    if not features:
        raise ValueError("there are features of 0 images, but at least 1 was expected")
    scale = scale_to_norm(features)
    x, y = torch.cat(list(features)) * scale, torch.cat(list(signs))
    pool = HardNegatives(x, y, c=c, positive_weight=positive_weight)
    rounds, end, new = list[Round](), 0, torch.zeros_like(y[:1].sum(dim=0))
    for image, count in enumerate(map(len, features), start=1):
        new = new + pool.take(slice(end, end + count), above=hard)
        end += count
        if new.max() > limit or image == len(features):
            svms, used, dropped = pool.fit(easy=easy)
            rounds.append(Round(image, used, dropped))
            new = torch.zeros_like(new)
    svms.scale = scale
    return svms, rounds
