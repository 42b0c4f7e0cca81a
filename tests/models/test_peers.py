"""torchvision's detectors made of our parts do what ours do."""

import pytest
import torch
from torch import Tensor

from course_utils.models.backbones import Backbone
from course_utils.models.fast_rcnn import BoxHead, RoIHeads
from course_utils.models.faster_rcnn import FasterRCNN
from course_utils.models.model import Target
from course_utils.models.peers.faster_rcnn import TorchvisionFasterRCNN
from course_utils.models.peers.ssd import TorchvisionSSD
from course_utils.models.rpn import RPN
from course_utils.models.ssd import SSD, LastMaps

SIZES, RATIOS = (12, 24), (0.5, 1, 2)


@pytest.fixture
def ours() -> FasterRCNN:
    torch.manual_seed(0)
    backbone = Backbone((8, 16))
    proposals = {"train_proposals": (60, 30), "test_proposals": (50, 25)}
    settings = {"count": 40, "iou_threshold": 0.6} | proposals
    rpn = RPN(16, sizes=SIZES, ratios=RATIOS, **settings)
    head = BoxHead(16, pooled_size=3, hidden=20, num_classes=4)
    # Heads that answer at random find much, and no two scores are nearly the same.
    for layer in (rpn.head.conv, rpn.head.objectness, head.cls_score, head.bbox_pred):
        torch.nn.init.normal_(layer.weight, std=0.5)
    heads = RoIHeads(
        head,
        stride=backbone.stride,
        pooled_size=3,
        count=16,
        negative_iou=(0.0, 0.5),
        beta=1 / 9,
        iou_threshold=0.5,
    )
    return FasterRCNN(backbone, rpn, heads)


@pytest.fixture
def batch() -> tuple[Tensor, list[Target]]:
    generator = torch.Generator().manual_seed(1)
    boxes = torch.tensor([[4.0, 6, 30, 25], [20, 30, 44, 60], [2, 2, 60, 40]])
    targets = [
        {"boxes": boxes[:2], "labels": torch.tensor([1, 3])},
        {"boxes": boxes[2:], "labels": torch.tensor([2])},
        {"boxes": boxes[:0], "labels": torch.zeros(0, dtype=torch.int64)},
    ]
    return torch.rand(3, 3, 64, 48, generator=generator), targets


def test_the_first_losses_are_ours(
    ours: FasterRCNN, batch: tuple[Tensor, list[Target]]
):
    theirs = TorchvisionFasterRCNN(ours, sizes=SIZES, ratios=RATIOS)
    found = []
    for model in (ours, theirs):
        torch.manual_seed(2)
        found.append(model.losses(*batch))
    assert found[0].keys() == found[1].keys()
    for name, loss in found[0].items():
        torch.testing.assert_close(found[1][name], loss, rtol=1e-5, atol=1e-6)
        assert loss > 0


def test_predictions_are_ours(ours: FasterRCNN, batch: tuple[Tensor, list[Target]]):
    theirs = TorchvisionFasterRCNN(ours, sizes=SIZES, ratios=RATIOS)
    for mine, other in zip(
        ours.predict(batch[0]), theirs.predict(batch[0]), strict=True
    ):
        assert len(mine["boxes"]) > 3
        assert torch.equal(mine["labels"], other["labels"])
        torch.testing.assert_close(mine["boxes"], other["boxes"], rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(mine["scores"], other["scores"])


def test_training_theirs_leaves_ours_alone(
    ours: FasterRCNN, batch: tuple[Tensor, list[Target]]
):
    theirs = TorchvisionFasterRCNN(ours, sizes=SIZES, ratios=RATIOS)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    torch.stack(list(theirs.losses(*batch).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in theirs.parameters())
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.add_(1)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(weight.grad is None for weight in ours.parameters())


def test_other_anchors_are_refused(ours: FasterRCNN):
    with pytest.raises(ValueError, match=r"\(12, 25\).*6 anchors.*made with"):
        TorchvisionFasterRCNN(ours, sizes=(12, 25), ratios=RATIOS)


def test_another_head_is_refused(ours: FasterRCNN):
    ours.roi_heads.box_head = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="box head is a Linear"):
        TorchvisionFasterRCNN(ours, sizes=SIZES, ratios=RATIOS)


def make_ssd(**settings) -> SSD:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SSD(
            LastMaps(Backbone((8, 16, 24, 32))),
            num_classes=4,
            scales=(0.2, 0.45, 0.8),
            ratios=((2,), (2, 3)),
            **settings,
        )
        # A head that answers at random finds much, without scores that nearly tie.
        for layer in model.head.convolutions:
            torch.nn.init.normal_(layer.weight, std=0.2)
            torch.nn.init.normal_(layer.bias, std=0.2)
        return model


def gradients_of(losses: dict[str, Tensor], weight: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), weight)
    return gradient


@pytest.mark.parametrize("settings", [{}, {"negative_ratio": 1, "positive_iou": 0.4}])
def test_the_first_losses_and_gradients_of_ssd_are_ours(
    settings: dict[str, float], batch: tuple[Tensor, list[Target]]
):
    ours = make_ssd(**settings)
    theirs = TorchvisionSSD(ours)
    pair = ours.losses(*batch), theirs.losses(*batch)
    assert pair[0].keys() == pair[1].keys()
    for name, loss in pair[0].items():
        torch.testing.assert_close(pair[1][name], loss, rtol=1e-5, atol=1e-6)
        assert loss > 0
    first = gradients_of(pair[0], next(ours.parameters()))
    second = gradients_of(pair[1], next(theirs.detector.backbone.parameters()))
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)


def test_predictions_of_ssd_are_ours(batch: tuple[Tensor, list[Target]]):
    ours = make_ssd(candidates=60, max_detections=80)
    theirs = TorchvisionSSD(ours)
    for mine, other in zip(
        ours.predict(batch[0]), theirs.predict(batch[0]), strict=True
    ):
        assert len(mine["boxes"]) > 30
        assert torch.equal(mine["labels"], other["labels"])
        torch.testing.assert_close(mine["boxes"], other["boxes"], rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(mine["scores"], other["scores"])


def test_training_their_ssd_leaves_ours_alone(
    batch: tuple[Tensor, list[Target]],
):
    ours = make_ssd()
    theirs = TorchvisionSSD(ours)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    torch.stack(list(theirs.losses(*batch).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in theirs.parameters())
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.add_(1)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(weight.grad is None for weight in ours.parameters())


def test_other_negatives_are_refused():
    with pytest.raises(ValueError, match="negatives is 'all'"):
        TorchvisionSSD(make_ssd(negatives="all"))
