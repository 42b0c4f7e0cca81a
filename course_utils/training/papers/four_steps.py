"""Faster R-CNN trained in four steps by turns, as its paper did.

Ren et al. 2015, section 3.2: the RPN learns alone, a detector with a backbone of its
own learns on its proposals, then the RPN is fitted to the detector's backbone, and the
detector's head to the new proposals. In the last two steps the backbone stays as it is,
so that both share it in the end.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from course_utils.models.faster_rcnn import FasterRCNN
from course_utils.models.model import Model, Target, image_size
from course_utils.training.batches import Examples
from course_utils.training.settings import TrainingSettings
from course_utils.training.train import History, train

ProposeBatch = Callable[[Tensor], list[Target]]
STEPS = ("1: RPN", "2: detector", "3: RPN, shared", "4: detector, shared")


@contextmanager
def freeze(*modules: nn.Module) -> Iterator[None]:
    """No weight of the modules requires a gradient inside; after it, all is as before.

    Raises ValueError if there is no module: nothing would be frozen.
    """
    if not modules:
        raise ValueError("0 modules were given to freeze, but at least 1 was expected")
    weights = [weight for module in modules for weight in module.parameters()]
    before = [weight.requires_grad for weight in weights]
    for weight in weights:
        weight.requires_grad = False
    try:
        yield
    finally:
        for weight, requires_grad in zip(weights, before, strict=True):
            weight.requires_grad = requires_grad


class Stage(Model):
    """A part of a detector that learns while others stay as they are.

    `fixed` modules of the detector keep their statistics; see `freeze`.
    """

    def __init__(self, detector: FasterRCNN, fixed: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.detector, self.fixed = detector, tuple(fixed)

    def train(self, mode: bool = True) -> "Stage":
        """Put all but the fixed modules into train mode.

        A normalisation over the batch would otherwise go on averaging what it sees,
        and change a backbone without any gradient.
        """
        super().train(mode)
        for module in self.fixed:
            module.eval()
        return self


class RPNStage(Stage):
    """Backbone and RPN without a detector behind them."""

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_objectness` and `loss_rpn_box_reg`."""
        features = self.detector.backbone(images)
        outputs = self.detector.rpn(features, image_size(images))
        return self.detector.rpn.losses(outputs, targets)


class BoxStage(Stage):
    """Backbone and box head on given proposals: Fast R-CNN.

    `propose` gives `boxes` (N, 4) for each image of a batch.
    """

    def __init__(
        self,
        detector: FasterRCNN,
        propose: ProposeBatch,
        fixed: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__(detector, fixed)
        self.propose = propose

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg`."""
        boxes = [proposals["boxes"] for proposals in self.propose(images)]
        features = self.detector.backbone(images)
        return self.detector.roi_heads.losses(features, boxes, targets)


def training_proposals(detector: FasterRCNN) -> ProposeBatch:
    """A detector's proposals, as many as it trains on."""
    return partial(detector.propose, counts=detector.rpn.settings.train_proposals)


def train_four_steps(
    detector: FasterRCNN,
    dataset: Examples,
    *,
    steps: tuple[int, int, int, int],
    seed: int,
    **settings: Any,
) -> dict[str, History]:
    """Train the detector in place, in the four steps; returns their losses by name.

    The first two steps start from the same weights, those that the detector has.

    Args:
        detector: a detector that has not been trained.
        dataset: (image, target) at each index; see `train`.
        steps: batches of each of the four.
        seed: the four use `seed` to `seed + 3`.
        settings: more of `TrainingSettings`: `batch_size`, `lr`, `device` and others.
    """
    first = copy.deepcopy(detector)
    histories: dict[str, History] = {}

    def learn(stage: Stage) -> None:
        index, name = len(histories), STEPS[len(histories)]
        step = TrainingSettings(
            steps=steps[index], seed=seed + index, description=name, **settings
        )
        histories[name] = train(stage, dataset, step)

    learn(RPNStage(first))
    learn(BoxStage(detector, training_proposals(first)))
    detector.rpn.load_state_dict(first.rpn.state_dict())
    backbone, rpn = detector.backbone, detector.rpn
    with freeze(backbone):
        learn(RPNStage(detector, [backbone]))
    with freeze(backbone, rpn):
        learn(BoxStage(detector, training_proposals(detector), [backbone, rpn]))
    return histories
