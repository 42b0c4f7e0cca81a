"""The slow answers of assignment 02 agree with public peers and with paper."""

from types import SimpleNamespace

import pytest
import torch
import torchvision
from numpy.testing import assert_allclose
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

from course_utils.checking.check import random_boxes
from course_utils.checks.rcnn.cases import REGIONS, random_merge, random_regions
from course_utils.checks.rcnn.oracles import (
    slow_best,
    slow_filled,
    slow_mabo,
    slow_merged,
    slow_recall,
    slow_similarities,
)
from course_utils.checks.rcnn.proposal_cases import CROPS, random_proposals
from course_utils.checks.rcnn.training_cases import (
    MINING,
    REFINEMENTS,
    random_mining,
    random_pairs,
    random_refinement,
)
from course_utils.checks.rcnn.training_oracles import (
    slow_mined,
    slow_refined,
    slow_targets,
    slow_whitened,
)
from course_utils.metrics.proposals import mean_average_best_overlap
from course_utils.ops.selective_search.regions import MEASURES


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_similarities_agree_with_paper() -> None:
    found = slow_similarities(*REGIONS["the example"])[0]
    right = torch.tensor([0.35, 0.25, 1 - 44 / 96, 1 - 19 / 96])
    torch.testing.assert_close(found, right)


def test_similarities_are_shares_that_fall_as_a_group_grows(
    generator: torch.Generator,
) -> None:
    regions, groups, image_size = random_regions(9, 20, 4, generator)
    assert int(regions["sizes"].sum()) == image_size[0] * image_size[1]
    before = torch.full((20, 3), 1.0)
    for count in (1, 2, 3, 4):
        found = slow_similarities(regions, groups[:, :count], image_size)
        assert found.min() >= 0
        assert found.max() <= 1 + 1e-6
        assert (found[:, :3] <= before + 1e-6).all()
        before = found[:, :3]
    torch.testing.assert_close(
        slow_similarities(regions, groups.flip(1), image_size), found
    )


def test_similarities_of_pairs_agree_with_those_of_the_lesson(
    generator: torch.Generator,
) -> None:
    regions, groups, (height, width) = random_regions(9, 20, 2, generator)
    numbers = {name: values.double().numpy() for name, values in regions.items()}
    peer = SimpleNamespace(
        colour=numbers["colours"],
        texture=numbers["textures"],
        size=numbers["sizes"],
        box=numbers["boxes"],
        image_size=height * width,
    )
    a, b = groups.T.numpy()
    right = [measure(peer, a, b) for measure in MEASURES.values()]
    found = slow_similarities(regions, groups, (height, width))
    assert_allclose(found.T, right, atol=1e-6)


def test_the_order_of_merges_does_not_matter(generator: torch.Generator) -> None:
    bins, sizes, boxes, groups, count = random_merge(12, 4, generator)
    coarse = torch.tensor([1, 0, 1, 0])
    at_once = slow_merged(bins, sizes, boxes, coarse[groups], 2)
    in_steps = slow_merged(*slow_merged(bins, sizes, boxes, groups, count), coarse, 2)
    for one, two in zip(at_once, in_steps, strict=True):
        torch.testing.assert_close(one, two)
    torch.testing.assert_close(at_once[0].sum(dim=1), torch.ones(2))


def test_merged_histograms_are_those_of_the_merged_pixels(
    generator: torch.Generator,
) -> None:
    colours = torch.randint(0, 5, (60,), generator=generator)
    regions = torch.arange(60) % 3  # 20 pixels each, then some move
    regions[:7] = 0
    bins = torch.stack(
        [colours[regions == r].bincount(minlength=5).float() for r in range(3)]
    )
    sizes = regions.bincount()
    boxes = torch.tensor([[0.0, 0, 1, 1]]).expand(3, 4)
    groups = torch.zeros(3, dtype=torch.int64)
    found = slow_merged(bins / sizes[:, None], sizes, boxes, groups, 1)[0]
    torch.testing.assert_close(found[0], colours.bincount(minlength=5) / 60)


def test_the_quality_of_all_proposals_agrees_with_that_of_the_lesson(
    generator: torch.Generator,
) -> None:
    given = random_proposals(9, 1000, generator)
    _, overlaps, labels, _, thresholds = given
    images = slow_best(given)
    best = torch.cat(
        [torch.cat([o, torch.zeros(1, o.shape[1])]).amax(0) for o in overlaps]
    )
    names = torch.cat(labels)
    assert [label for image in images for label, _ in image] == names.tolist()
    right = torch.tensor([(best >= level).float().mean() for level in thresholds])
    torch.testing.assert_close(slow_recall(images, thresholds), right)
    right = mean_average_best_overlap(best, names)
    torch.testing.assert_close(slow_mabo(images), right)


def test_a_budget_is_spent_on_the_highest_scores(generator: torch.Generator) -> None:
    scores, overlaps, labels, _, thresholds = random_proposals(9, 0, generator)
    every = torch.cat(scores)
    distinct = every + torch.arange(len(every), 0, -1) * 1e-4  # ties as they are broken
    for budget in (0, 1, 5, 12):
        least = distinct.sort(descending=True).values[:budget].min() if budget else 9
        parts = distinct.split([len(score) for score in scores])
        kept = [o[p >= least] for o, p in zip(overlaps, parts, strict=True)]
        dropped = [p[p >= least] for p in parts]
        one = slow_best((scores, overlaps, labels, budget, thresholds))
        two = slow_best((dropped, kept, labels, 1000, thresholds))
        assert one == two


def paint(crop: tuple[Tensor, int, int, int, int], finer: int) -> Tensor:
    """(N, 4) rectangles found by asking every point of a fine grid in each crop."""
    boxes, height, width, size, context = crop
    points = (torch.arange(size * finer) + 0.5) / finer
    rows = []
    for x1, y1, x2, y2 in boxes.tolist():
        edges = []
        for low, high, limit in ((x1, x2, width), (y1, y2, height)):
            place = low + (points - context) * (high - low) / (size - 2 * context)
            inside = ((place > 0) & (place < limit)).nonzero().flatten()
            edges.append((int(inside[0]) / finer, (int(inside[-1]) + 1) / finer))
        rows.append([edges[0][0], edges[1][0], edges[0][1], edges[1][1]])
    return torch.tensor(rows)


def test_filled_parts_agree_with_a_fine_grid(generator: torch.Generator) -> None:
    wholly_outside = "boxes outside the image"
    cases = [crop for name, crop in CROPS.items() if name != wholly_outside]
    inside = random_boxes(6, generator=generator)
    for crop in [*cases, (inside, 90, 140, 31, 5)]:
        if len(crop[0]):
            torch.testing.assert_close(
                slow_filled(*crop), paint(crop, 50), atol=0.021, rtol=0
            )
    right, left, below = slow_filled(*CROPS[wholly_outside])
    assert right[[0, 2]].tolist() == [0, 0]  # the image is left of the box
    assert left[[0, 2]].tolist() == [28, 28]
    assert below[[1, 3]].tolist() == [0, 0]


def test_targets_agree_with_torchvision(generator: torch.Generator) -> None:
    proposals, objects, labels, classes = random_pairs(40, 4, generator)
    raw = BoxCoder((1.0, 1.0, 1.0, 1.0)).encode_single(objects, proposals)
    found = torch.tensor(slow_targets(proposals, objects))
    torch.testing.assert_close(found, raw, atol=1e-5, rtol=1e-5)
    white, means, deviations = slow_whitened(found.tolist(), labels, classes)
    for label in range(1, classes):
        scaler = StandardScaler().fit(found[labels == label])
        right = scaler.transform(found[labels == label])
        assert_allclose(white[labels == label], right, atol=1e-4)
        assert_allclose(means[label], scaler.mean_, atol=1e-5)
        assert_allclose(deviations[label], scaler.scale_, atol=1e-5)


def test_refined_boxes_agree_with_torchvision(generator: torch.Generator) -> None:
    given = random_refinement(30, 3, generator)
    proposals, outputs, labels, means, deviations, height, width = given
    rows = outputs[torch.arange(30), labels] * deviations[labels] + means[labels]
    boxes = BoxCoder((1.0, 1.0, 1.0, 1.0)).decode_single(rows, proposals)
    right = torchvision.ops.clip_boxes_to_image(boxes, (height, width))
    torch.testing.assert_close(slow_refined(given), right, atol=1e-3, rtol=1e-5)


def test_refined_boxes_undo_whitened_targets(generator: torch.Generator) -> None:
    proposals, objects, labels, classes = random_pairs(25, 4, generator)
    raw = slow_targets(proposals, objects)
    white, means, deviations = slow_whitened(raw, labels, classes)
    outputs = white[:, None].expand(-1, classes, -1)
    given = (proposals, outputs, labels, means, deviations, 500, 600)
    shifted = (proposals + 200, *given[1:])
    found = slow_refined(shifted) - 200
    torch.testing.assert_close(found, objects, atol=1e-2, rtol=1e-4)


def test_the_example_of_refined_boxes_agrees_with_paper() -> None:
    found = slow_refined(REFINEMENTS["the example"])
    torch.testing.assert_close(found, torch.tensor([[17.0, 20, 37, 30]]))


def test_mined_negatives_keep_their_promises(generator: torch.Generator) -> None:
    for given in [*MINING.values(), random_mining(40, 3, generator)]:
        scores, overlaps, is_cached, most, easy = given
        added, evicted = slow_mined(*given)
        assert not (added & is_cached).any()
        assert not (added & evicted).any()
        assert (overlaps[added] < 0.3).all()
        assert (scores[added] > -1).all()
        could = (overlaps < 0.3) & (scores > -1) & ~is_cached
        count = could.sum(dim=0).clamp(max=most)
        assert torch.equal(added.sum(dim=0), count)
        for k in range(scores.shape[1]):
            rest = scores[could[:, k] & ~added[:, k], k]
            if len(rest) and added[:, k].any():
                assert rest.max() <= scores[added[:, k], k].min()
        assert torch.equal(evicted, is_cached & (scores < easy))
