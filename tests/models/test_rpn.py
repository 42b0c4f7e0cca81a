"""The RPN beside torchvision's, given the same head outputs; and its edge cases."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import (
    RegionProposalNetwork,
    permute_and_flatten,
)

from course_utils.models.rpn import (
    RPN,
    RPNOutputs,
    best_anchors,
    filter_proposals,
    flatten_map,
    label_anchors,
    rpn_losses,
)
from course_utils.ops.boxes import (
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    remove_small_boxes,
)
from course_utils.ops.nms import nms

SIZES, RATIOS = (12.0, 24.0), (0.5, 1.0, 2.0)
IMAGE, MAP = (72, 96), (9, 12)
NOTHING = torch.zeros(0, 4)
TRUTH = {
    "two": torch.tensor([[6.0, 8, 30, 36], [50, 20, 76, 44]]),
    "none": NOTHING,
    "one at the border": torch.tensor([[80.0, 50, 96, 72]]),
    "tiny": torch.tensor([[40.0, 40, 43, 44], [6, 8, 30, 36]]),
    "crowded": torch.tensor([[5.0, 5, 40, 40]]) + 6 * torch.arange(5)[:, None],
}


def make_rpn(**settings) -> RPN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return RPN(4, sizes=SIZES, ratios=RATIOS, **settings)


class FixedHead(nn.Module):
    """RPNOutputs with given maps, as torchvision's head would."""

    def __init__(self, objectness: Tensor, deltas: Tensor) -> None:
        super().__init__()
        self.maps = ([objectness], [deltas])

    def forward(self, features):
        return self.maps


def random_maps(batch: int, seed: int = 0, spread: float = 0.4):
    generator = torch.Generator().manual_seed(seed)
    cells = len(SIZES) * len(RATIOS)
    objectness = torch.randn(batch, cells, *MAP, generator=generator) * 3
    deltas = torch.randn(batch, 4 * cells, *MAP, generator=generator) * spread
    return objectness.requires_grad_(), deltas.requires_grad_()


def outputs_of(rpn: RPN, objectness: Tensor, deltas: Tensor) -> RPNOutputs:
    number = len(rpn.anchors.cell)
    logits = flatten_map(objectness, number).squeeze(2)
    return RPNOutputs(logits, flatten_map(deltas, number), rpn.anchors(MAP, IMAGE))


def peer(objectness: Tensor, deltas: Tensor, before: int, after: int):
    return RegionProposalNetwork(
        AnchorGenerator((SIZES,), (RATIOS,)),
        FixedHead(objectness, deltas),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=40,
        positive_fraction=0.5,
        pre_nms_top_n={"training": before, "testing": before},
        post_nms_top_n={"training": after, "testing": after},
        nms_thresh=0.7,
    )


@pytest.mark.parametrize("truth", TRUTH.values(), ids=TRUTH)
@pytest.mark.parametrize(("before", "after"), [(2000, 2000), (100, 20), (7, 100)])
@pytest.mark.parametrize("spread", [0.4, 3.0], ids=["near", "wild deltas"])
def test_losses_gradients_and_proposals_equal_torchvisions(
    truth, before, after, spread
):
    rpn, maps = make_rpn(count=40), random_maps(2, spread=spread)
    targets = [{"boxes": truth}, {"boxes": TRUTH["two"]}]
    other = peer(*maps, before, after)
    images = ImageList(torch.zeros(2, 3, *IMAGE), [IMAGE] * 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected, their_losses = other(images, {"0": torch.zeros(2, 4, *MAP)}, targets)
        torch.manual_seed(5)
        outputs = outputs_of(rpn, *maps)
        losses = rpn.losses(outputs, targets)
    proposals = rpn.propose(outputs, IMAGE, (before, after))
    for ours, theirs in zip(proposals, expected, strict=True):
        assert torch.equal(ours["boxes"], theirs)
    assert losses.keys() == their_losses.keys()
    for name, loss in losses.items():
        torch.testing.assert_close(loss, their_losses[name], rtol=1e-6, atol=1e-7)
        ours = torch.autograd.grad(loss, maps, retain_graph=True, allow_unused=True)
        theirs = torch.autograd.grad(
            their_losses[name], maps, retain_graph=True, allow_unused=True
        )
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-8)


def test_the_flattened_order_is_that_of_the_anchors():
    rpn = make_rpn()
    anchors = rpn.anchors(MAP, IMAGE)  # (H * W * A, 4)
    # A map that outputs at each place with the coordinates of the anchor there.
    maps = anchors.view(*MAP, -1).permute(2, 0, 1)[None]
    assert torch.equal(flatten_map(maps, len(rpn.anchors.cell))[0], anchors)
    plain = maps.contiguous().view(1, -1, 4)
    assert not torch.equal(plain[0], anchors)


@pytest.mark.parametrize("values", [1, 4])
def test_flattening_equals_torchvisions(values):
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 6 * values, 5, 7, generator=generator)
    expected = permute_and_flatten(maps, 2, 6, values, 5, 7)
    assert torch.equal(flatten_map(maps, 6), expected)


def test_labels_by_hand():
    anchors = torch.tensor(
        [
            [0.0, 0, 10, 10],
            [0, 0, 10, 8],
            [0, 0, 10, 5],
            [30, 30, 40, 40],
            [9, 9, 29, 29],
        ]
    )
    boxes = torch.tensor([[0.0, 0, 10, 10], [30, 30, 40, 50]])
    labels, goals = label_anchors(anchors, boxes)
    # 1 and 0.8 are positive, 0.5 is ignored; 0.5 again, but the best of its object.
    assert labels.tolist() == [1, 1, -1, 1, 0]
    assert torch.equal(goals[:2], boxes[:1].expand(2, 4))
    assert torch.equal(goals[3], boxes[1])


def test_every_object_gets_an_anchor_but_an_unreachable_one_gets_none():
    anchors = make_rpn().anchors(MAP, IMAGE)
    far = torch.tensor([[400.0, 400, 410, 410]])
    labels, _ = label_anchors(anchors, TRUTH["tiny"][:1])
    assert (box_iou(TRUTH["tiny"][:1], anchors) < 0.3).all()
    assert (labels == 1).sum() >= 1
    labels, _ = label_anchors(anchors, far)
    assert (labels == 0).all()


def test_ignored_anchors_change_nothing():
    rpn, (objectness, deltas) = make_rpn(count=5000), random_maps(1)
    outputs = outputs_of(rpn, objectness, deltas)
    labels, _ = rpn.label(outputs.anchors, TRUTH["two"])
    losses = rpn.losses(outputs, [{"boxes": TRUTH["two"]}])
    total = torch.stack(list(losses.values())).sum()
    slope, box_slope = torch.autograd.grad(total, (objectness, deltas))
    slope = flatten_map(slope, len(rpn.anchors.cell))[0, :, 0]
    box_slope = flatten_map(box_slope, len(rpn.anchors.cell))[0]
    assert (slope[labels >= 0] != 0).all()
    assert (slope[labels < 0] == 0).all()
    assert (labels < 0).sum() > 10
    assert (box_slope[labels == 1] != 0).any(dim=1).all()
    assert (box_slope[labels < 1] == 0).all()


def test_losses_by_hand():
    logits, deltas = (
        torch.tensor([0.0, 2.0]),
        torch.tensor([[0.0, 0.05, 2, 0], [9] * 4]),
    )
    losses = rpn_losses(logits, deltas, torch.tensor([1, 0]), torch.zeros(2, 4))
    expected = (torch.tensor(2.0).log() + torch.tensor(2.0).exp().log1p()) / 2
    torch.testing.assert_close(losses["loss_objectness"], expected)
    box = (0.05**2 / 2 * 9 + 2 - 1 / 18) / 2
    torch.testing.assert_close(losses["loss_rpn_box_reg"], torch.tensor(box))


def test_nothing_sampled_is_no_loss():
    logits = torch.zeros(0, requires_grad=True)
    losses = rpn_losses(logits, torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 4))
    assert [loss.item() for loss in losses.values()] == [0, 0]
    losses["loss_objectness"].backward()


BAD_TRUTH = {
    "outside": torch.tensor([[-50.0, -50, -20, -10], [200, 10, 240, 50]]),
    "half outside": torch.tensor([[-10.0, -10, 20, 14]]),
    "no area": torch.tensor([[10.0, 10, 10, 30], [20, 20, 20, 20]]),
    "no area, and one": torch.tensor([[10.0, 10, 10, 30], [6, 8, 30, 36]]),
    "none": NOTHING,
}


@pytest.mark.parametrize("boxes", BAD_TRUTH.values(), ids=BAD_TRUTH)
def test_strange_truth_gives_finite_losses_and_gradients(boxes):
    rpn, maps = make_rpn(), random_maps(1)
    losses = rpn.losses(outputs_of(rpn, *maps), [{"boxes": boxes}])
    total = torch.stack(list(losses.values())).sum()
    assert total.isfinite()
    for slope in torch.autograd.grad(total, maps):
        assert slope.isfinite().all()


def test_proposals_one_step_at_a_time():
    rpn, (objectness, deltas) = make_rpn(), random_maps(1)
    outputs = outputs_of(rpn, objectness, deltas)
    scores, index = best_anchors(outputs.objectness, 50)
    assert scores.shape == index.shape == (1, 50)
    assert (scores[0].diff() <= 0).all()
    outside = outputs.objectness[0].index_fill(0, index[0], -100)
    assert outside.max() <= outputs.objectness[0][index[0]].min()
    boxes = decode_boxes(outputs.deltas[0, index[0]], outputs.anchors[index[0]])
    filtered = filter_proposals(boxes, scores[0], IMAGE, most=10)
    whole = rpn.propose(outputs, IMAGE, (50, 10))[0]
    assert torch.equal(filtered["boxes"], whole["boxes"])
    assert torch.equal(filtered["scores"], whole["scores"])
    assert len(whole["boxes"]) == 10


def test_small_proposals_are_dropped_and_the_rest_lies_inside():
    boxes = torch.tensor(
        [
            [-5.0, -5, 200, 200],
            [10, 10, 10.0005, 50],
            [99, 10, 120, 20],
            [20, 20, 24, 40],
        ]
    )
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    kept = filter_proposals(boxes, scores, IMAGE)
    assert kept["boxes"].tolist() == [[0, 0, 96, 72], [20, 20, 24, 40]]
    kept = filter_proposals(boxes, scores, IMAGE, min_side=5)
    assert kept["scores"].tolist() == pytest.approx([0.9])
    assert filter_proposals(boxes[:0], scores[:0], IMAGE)["boxes"].shape == (0, 4)


def test_top_n_comes_before_and_after_suppression():
    rpn, (objectness, deltas) = make_rpn(), random_maps(1)
    outputs = outputs_of(rpn, objectness, deltas)
    order = outputs.objectness[0].argsort(descending=True)[:300]
    boxes = decode_boxes(outputs.deltas[0, order], outputs.anchors[order])
    boxes = clip_boxes(boxes, *IMAGE)
    scores = outputs.objectness[0, order].sigmoid()
    seen = remove_small_boxes(boxes, 1e-3)  # some lie outside the image
    boxes, scores = boxes[seen], scores[seen]
    expected = boxes[nms(boxes, scores, 0.7)]
    assert len(expected) < len(boxes)
    few = rpn.propose(outputs, IMAGE, (300, 1000))[0]["boxes"]
    assert torch.equal(few, expected)
    fewer = rpn.propose(outputs, IMAGE, (300, 4))[0]["boxes"]
    assert torch.equal(fewer, expected[:4])


def test_proposals_carry_no_gradient():
    rpn = make_rpn()
    found = rpn.propose(outputs_of(rpn, *random_maps(1)), IMAGE, (50, 10))
    assert not found[0]["boxes"].requires_grad
    assert not found[0]["scores"].requires_grad


def test_a_head_that_answers_the_targets_proposes_the_objects():
    rpn, boxes = make_rpn(), TRUTH["two"]
    anchors = rpn.anchors(MAP, IMAGE)
    labels, goals = rpn.label(anchors, boxes)
    deltas = encode_boxes(goals, anchors)[None]
    logits = (labels == 1).float()[None] * 20 - 10
    outputs = RPNOutputs(logits, deltas, anchors)
    found = rpn.propose(outputs, IMAGE, (200, 2))[0]["boxes"]
    assert box_iou(boxes, found).amax(dim=1).min() > 0.999


def test_shapes_and_gradients_of_the_whole():
    rpn = make_rpn(count=100)
    features = torch.rand(2, 4, *MAP, generator=torch.Generator().manual_seed(2))
    outputs = rpn(features, IMAGE)
    number = MAP[0] * MAP[1] * 6
    assert outputs.objectness.shape == (2, number)
    assert outputs.deltas.shape == (2, number, 4)
    assert outputs.anchors.shape == (number, 4)
    losses = rpn.losses(outputs, [{"boxes": TRUTH["two"]}, {"boxes": NOTHING}])
    torch.stack(list(losses.values())).sum().backward()
    for name, weight in rpn.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
