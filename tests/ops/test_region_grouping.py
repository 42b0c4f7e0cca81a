"""Grouping of regions against what pixels say and plain loops."""

import heapq

import numpy as np
import pytest
from segmented_images import NAMES, segmented
from torch import Tensor

from course_utils.ops import region_grouping as ops
from course_utils.ops import region_similarity as alike
from course_utils.ops import regions as describe


def grouped(name: str, measures=tuple(alike.MEASURES)) -> ops.Hierarchy:
    image, labels = segmented(name)
    leaves = describe.describe_regions(labels, image)
    pairs = describe.neighbouring_regions(labels)
    return ops.group_regions(leaves, pairs, measures=measures)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("measures", [tuple(alike.MEASURES), ("fill",), ("size",)])
def test_a_hierarchy_ends_with_the_whole_image(name: str, measures) -> None:
    _, labels = segmented(name)
    height, width = labels.shape
    hierarchy = grouped(name, measures)
    count = int(labels.max()) + 1
    assert len(hierarchy.merges) == count - 1
    assert hierarchy.boxes().shape == (2 * count - 1, 4)
    assert hierarchy.boxes()[0].tolist() == [0, 0, width, height]
    assert hierarchy.regions.size[-1] == labels.numel()
    merged = [row for merge in hierarchy.merges for row in (merge.a, merge.b)]
    assert sorted(merged) == list(range(2 * count - 2))  # all but the last, once


@pytest.mark.parametrize("name", ["photograph", "noise", "grey"])
def test_merged_regions_are_what_their_pixels_say(name: str) -> None:
    image, labels = segmented(name)
    hierarchy = grouped(name)
    regions, leaves = hierarchy.regions, len(hierarchy.merges) + 1
    for steps in (1, leaves // 2, leaves - 1):
        now = ops.labels_after(labels, hierarchy.merges[:steps])
        rows, dense = now.unique(return_inverse=True)
        assert len(rows) == leaves - steps
        rows = rows.numpy()
        seen = describe.describe_regions(dense, image)
        np.testing.assert_array_equal(regions.size[rows], seen.size)
        np.testing.assert_array_equal(regions.box[rows], seen.box)
        np.testing.assert_allclose(regions.colour[rows], seen.colour, atol=1e-5)
        np.testing.assert_allclose(regions.texture[rows], seen.texture, atol=1e-5)


def group_in_a_loop(image: Tensor, labels: Tensor, count: int) -> list[tuple[int, int]]:
    """The first merges, each time with all regions described and compared anew."""
    merges: list[ops.Merge] = []
    for _ in range(count):
        rows, now = ops.labels_after(labels, merges).unique(return_inverse=True)
        regions = describe.describe_regions(now, image)
        a, b = describe.neighbouring_regions(now).T
        values = alike.similarity(regions, a, b)
        best = values.argmax()
        merges.append(ops.Merge(int(rows[a[best]]), int(rows[b[best]]), values[best]))
    return [(merge.a, merge.b) for merge in merges]


@pytest.mark.parametrize("name", ["photograph", "noise"])
def test_each_step_joins_the_most_similar_neighbours(name: str) -> None:
    image, labels = segmented(name)
    ours = [(merge.a, merge.b) for merge in grouped(name).merges]
    assert ours == group_in_a_loop(image, labels, len(ours))


def test_steps_can_be_taken_one_by_one() -> None:
    image, labels = segmented("photograph")
    leaves = describe.describe_regions(labels, image)
    pairs = describe.neighbouring_regions(labels)
    grouping = ops.Grouping(leaves, pairs, measures=("size", "fill"))
    first = grouping.step()
    assert {first.a, first.b} <= set(range(len(leaves.size)))
    values = alike.similarity(leaves, *pairs.T, measures=("size", "fill"))
    assert first.similarity == values.max()
    assert len(grouping.neighbours) == len(leaves.size) - 1
    assert len(leaves.size) * 2 - 1 == len(grouping.regions.size)


def unweighted(regions, a, b, *, new):
    merge_rightly(regions, a, b, new=new)
    regions.colour[new] = (regions.colour[a] + regions.colour[b]) / 2


def adds_counts(regions, a, b, *, new):
    merge_rightly(regions, a, b, new=new)
    regions.colour[new] = regions.colour[a] + regions.colour[b]


def forgets_the_box(regions, a, b, *, new):
    merge_rightly(regions, a, b, new=new)
    regions.box[new] = regions.box[a]


merge_rightly = ops.merge_regions


@pytest.mark.parametrize("wrong", [unweighted, adds_counts, forgets_the_box])
def test_the_comparison_with_pixels_tells_mistakes(monkeypatch, wrong) -> None:
    monkeypatch.setattr(ops, "merge_regions", wrong)
    with pytest.raises(AssertionError):
        test_merged_regions_are_what_their_pixels_say("photograph")


class KeepsOldSimilarities(ops.Grouping):
    """Takes the similarity to half of a merged region for that to all of it."""

    def most_similar(self) -> ops.Merge:
        self.last = super().most_similar()
        return self.last

    def compare(self, a, b) -> None:
        leaves = (len(self.regions.size) + 1) // 2
        half = np.where(b >= leaves, getattr(self, "last", ops.Merge(0, 0, 0)).a, b)
        values = alike.similarity(self.regions, a, half)
        for value, one, other in zip(values, a.tolist(), b.tolist(), strict=True):
            heapq.heappush(self.heap, (-value, one, other))


def test_the_comparison_with_the_loop_tells_old_similarities(monkeypatch) -> None:
    monkeypatch.setattr(ops, "Grouping", KeepsOldSimilarities)
    with pytest.raises(AssertionError):
        test_each_step_joins_the_most_similar_neighbours("photograph")


@pytest.mark.parametrize("measures", [(), ("colour", "shape"), "fill"])
def test_unknown_measures_are_named(measures) -> None:
    with pytest.raises(ValueError, match="measures are"):
        grouped("flat", measures)
