"""The slow answers of assignment 06 agree with torchvision, torch and paper."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torchvision.models.detection._utils import BoxCoder, SSDMatcher
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.ops import box_convert, box_iou, clip_boxes_to_image

from course_utils.checking.compare import difference
from course_utils.checks.ssd import mistakes as named
from course_utils.checks.ssd import training_mistakes as named_too
from course_utils.checks.ssd.cases import (
    MAPS,
    MATCHES,
    SIZES,
    random_map,
    random_match,
    random_sizes,
)
from course_utils.checks.ssd.loss_cases import LOSSES, random_loss
from course_utils.checks.ssd.loss_oracles import slow_ssd_loss
from course_utils.checks.ssd.oracles import (
    slow_boxes_of_map,
    slow_matched_objects,
    slow_sizes_of_maps,
)
from course_utils.checks.ssd.training_cases import (
    NEGATIVES,
    PATCHES,
    random_negatives,
    random_patch,
)
from course_utils.checks.ssd.training_oracles import (
    slow_chosen_negatives,
    slow_cut_patch,
)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_boxes_of_square_images_agree_with_torchvision() -> None:
    for size in ((3, 4), (5, 5), (1, 1)):
        maker = DefaultBoxGenerator([[2, 3]], scales=[0.2, 0.37], clip=False)
        theirs = maker._grid_default_boxes([list(size)], [100, 100])
        corners = box_convert(theirs * 100, "cxcywh", "xyxy")
        right = box_convert(clip_boxes_to_image(corners, (100, 100)), "xyxy", "cxcywh")
        ratios = [1, 2, 0.5, 3, 1 / 3]
        found = slow_boxes_of_map(size, (100, 100), 0.2, 0.37, ratios)
        torch.testing.assert_close(found * 100, right)


@pytest.mark.parametrize("case", MAPS)
def test_boxes_are_as_large_as_their_scale_says_where_nothing_is_clipped(
    case: str,
) -> None:
    map_size, image_size, scale, _, ratios = MAPS[case]
    sides = torch.tensor([image_size[1], image_size[0]])
    boxes = slow_boxes_of_map(*MAPS[case], clip="none")[:, 2:] * sides
    area = (scale * min(image_size)) ** 2
    alike = (boxes.prod(1) / area - 1).abs() < 1e-4
    assert int(alike.sum()) == len(ratios) * map_size[0] * map_size[1]
    first = boxes[0, 0] / boxes[0, 1]
    assert float(first) == pytest.approx(ratios[0], rel=1e-4)


def test_released_sizes_are_those_of_ssd300_and_ssd512() -> None:
    paper, released = slow_sizes_of_maps(*SIZES["SSD300"])
    right = [[30, 60], [60, 111], [111, 162], [162, 213], [213, 264], [264, 315]]
    assert released.tolist() == right
    assert paper.tolist() == [60, 102, 144, 186, 228, 270]
    _, released = slow_sizes_of_maps(*SIZES["SSD512"])
    right = [35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8, 537.6]
    torch.testing.assert_close(released[:, 0], torch.tensor(right[:-1]))
    torch.testing.assert_close(released[:, 1], torch.tensor(right[1:]))


def test_sizes_by_formula_agree_with_torchvision() -> None:
    maker = DefaultBoxGenerator([[2]] * 6, 0.2, 0.9)
    paper, _ = slow_sizes_of_maps(6, 100, 20, 90, 10)
    torch.testing.assert_close(paper, torch.tensor(maker.scales[:-1]) * 100)


def test_matches_agree_with_torchvision_where_no_two_objects_want_one_box(
    generator: torch.Generator,
) -> None:
    agreed = 0
    for _ in range(60):
        low = torch.rand(9, 2, generator=generator) * 60
        boxes = torch.cat(
            [low, low + 10 + 30 * torch.rand(9, 2, generator=generator)], 1
        )
        iou = box_iou(boxes[:3], boxes[3:])
        best = iou.argmax(dim=1)
        if len(set(best.tolist())) < 3 or (iou.amax(1) == 0).any():
            continue
        agreed += 1
        theirs = SSDMatcher(0.3)(iou).clamp(min=-1)
        assert torch.equal(slow_matched_objects(iou, 0.3), theirs)
    assert agreed > 10


def test_each_object_claims_a_box_of_its_own(generator: torch.Generator) -> None:
    for i in range(20):
        iou, threshold = random_match(i % 6, generator)
        iou = iou + 0.001 * torch.rand(iou.shape, generator=generator)
        match = slow_matched_objects(iou, threshold)
        assert set(match.tolist()) >= set(range(len(iou)))


def test_negatives_agree_with_torch(generator: torch.Generator) -> None:
    given = [random_negatives(i, generator) for i in range(12)]
    for logits, labels, ratio, least in [*NEGATIVES.values(), *given]:
        chosen = slow_chosen_negatives(logits, labels, ratio, least)
        last = logits.shape[2] - 1
        goal = torch.full_like(labels, last)
        cost = F.cross_entropy(logits.transpose(1, 2), goal, reduction="none")
        for b, names in enumerate(labels):
            things = int(((names >= 0) & (names < last)).sum())
            most = min(max(int(ratio * things), least), int((names == last).sum()))
            assert int(chosen[b].sum()) == most
            assert (names[chosen[b]] == last).all()
            rest = cost[b][(names == last) & ~chosen[b]]
            if most and len(rest):
                assert cost[b][chosen[b]].min() >= rest.max() - 1e-6


def test_patches_agree_with_torchvision(generator: torch.Generator) -> None:
    for given in [*PATCHES.values(), *(random_patch(i, generator) for i in range(12))]:
        boxes, labels, (height, width), _, (min_iou, side) = given
        patch, moved, names = slow_cut_patch(*given)
        iou = box_iou(boxes, patch[None])[:, 0]
        centre = box_convert(boxes, "xyxy", "cxcywh")[:, :2]
        held = ((centre >= patch[:2]) & (centre < patch[2:])).all(1)
        assert torch.equal(names, labels[held])
        is_whole = patch.tolist() == [0, 0, width, height]
        assert is_whole or (held.any() and (iou[held] >= min_iou).all())
        size = patch[2:] - patch[:2]
        local = boxes[held] - patch[:2].repeat(2)
        local = clip_boxes_to_image(local, (int(size[1]), int(size[0])))
        torch.testing.assert_close(moved, local * (side / size).repeat(2))


def test_the_loss_agrees_with_torch(generator: torch.Generator) -> None:
    for given in [*LOSSES.values(), *(random_loss(i, generator) for i in range(6))]:
        (logits, deltas, labels, truths, defaults), alpha = given
        z, t = logits.clone().requires_grad_(), deltas.clone().requires_grad_()
        total = (z.sum() + t.sum()) * 0
        corners = box_convert(defaults, "cxcywh", "xyxy")
        for b, names in enumerate(labels):
            here = names > 0
            if here.any():
                truth = box_convert(truths[b][here], "cxcywh", "xyxy")
                coder = BoxCoder((10, 10, 5, 5))
                goal = coder.encode_single(truth, corners[here])
                moved = F.smooth_l1_loss(t[b][here], goal, reduction="sum")
                said = F.cross_entropy(z[b], names, ignore_index=-1, reduction="sum")
                total = total + (said + alpha * moved) / here.sum() / len(labels)
        total.backward()
        found = slow_ssd_loss(*given)
        torch.testing.assert_close(
            found["the loss"], total.detach(), atol=1e-3, rtol=1e-4
        )
        torch.testing.assert_close(found["its gradient by logits"], z.grad)
        torch.testing.assert_close(found["its gradient by deltas"], t.grad)


ORACLES: dict[str, tuple[Callable[..., Any], dict[str, dict[str, str]]]] = {
    "map": (slow_boxes_of_map, named.MAP_MISTAKES),
    "sizes": (slow_sizes_of_maps, named.SIZE_MISTAKES),
    "match": (slow_matched_objects, named.MATCH_MISTAKES),
    "negatives": (slow_chosen_negatives, named_too.NEGATIVE_MISTAKES),
    "patch": (slow_cut_patch, named_too.PATCH_MISTAKES),
    "loss": (slow_ssd_loss, named_too.LOSS_MISTAKES),
}
INPUTS: dict[str, tuple[dict[str, tuple[Any, ...]], Callable[..., Any]]] = {
    "map": (MAPS, random_map),
    "sizes": (SIZES, random_sizes),
    "match": (MATCHES, random_match),
    "negatives": (NEGATIVES, random_negatives),
    "patch": (PATCHES, random_patch),
    "loss": (LOSSES, random_loss),
}


@pytest.mark.parametrize("task", ORACLES)
def test_every_mistake_is_one_and_no_two_are_the_same(
    task: str, generator: torch.Generator
) -> None:
    """A name that stands for the right answer, or for another's, would mislead."""
    oracle, mistakes = ORACLES[task]
    cases, drawn = INPUTS[task]
    given = [*cases.values(), *(drawn(i, generator) for i in range(8))]
    answers = {"right": [oracle(*one) for one in given]} | {
        text: [oracle(*one, **settings) for one in given]
        for text, settings in mistakes.items()
    }
    names = list(answers)
    for i, name in enumerate(names):
        for other in names[:i]:
            assert difference(answers[name], answers[other], 1e-4) is not None, (
                name,
                other,
            )
