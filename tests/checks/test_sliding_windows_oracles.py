"""The slow answers of assignment 01 agree with public peers and with paper."""

import itertools

import pytest
import torch
import torchvision
from sklearn.metrics import average_precision_score, precision_recall_curve
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checking.compare import difference
from course_utils.checks.sliding_windows.cases import (
    DECAYS,
    PAPER_MISTAKES,
    WINDOWS,
    integer_image,
    integer_windows,
    random_detections,
)
from course_utils.checks.sliding_windows.oracles import (
    slow_covering_windows,
    slow_distance_iou,
    slow_operating_points,
    slow_soft_nms,
    slow_window_sums,
)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def painted(height: int, width: int, windows: Tensor) -> Tensor:
    """(height, width) how many windows hold each pixel."""
    count = torch.zeros(height, width)
    for x1, y1, x2, y2 in windows.int().tolist():
        count[y1:y2, x1:x2] += 1
    return count


@pytest.mark.parametrize("case", WINDOWS)
def test_windows_stay_inside_and_cover_where_the_stride_allows(case: str) -> None:
    height, width, sizes, stride = WINDOWS[case]
    for h, w in sizes:
        windows = slow_covering_windows(height, width, [(h, w)], stride)
        count = painted(height, width, windows)
        assert count.sum() == len(windows) * h * w
        if stride <= min(h, w) and h <= height and w <= width:
            assert count.min() >= 1
        assert len(windows.unique(dim=0)) == len(windows)


def test_sums_agree_with_slices(generator: torch.Generator) -> None:
    image = integer_image(7, 12, generator)
    windows = integer_windows(40, 7, 12, generator)
    slices = [image[y1:y2, x1:x2].sum() for x1, y1, x2, y2 in windows.tolist()]
    assert torch.equal(slow_window_sums(image, windows), torch.stack(slices))


def test_distance_iou_agrees_with_torchvision(generator: torch.Generator) -> None:
    a, b = (random_boxes(n, generator=generator) for n in (30, 21))
    right = torchvision.ops.distance_box_iou(a, b)
    torch.testing.assert_close(slow_distance_iou(a, b), right)
    right = torchvision.ops.generalized_box_iou(a, b)
    generalized = slow_distance_iou(a, b, penalty="generalized")
    torch.testing.assert_close(generalized, right)
    right = torchvision.ops.box_iou(a, b)
    torch.testing.assert_close(slow_distance_iou(a, b, penalty="none"), right)


def test_soft_nms_agrees_with_paper() -> None:
    right = [0.9, 0.8 * 0.278037 * 0.606531, 0.7, 0.6]
    found = slow_soft_nms(*DECAYS["the example"])
    torch.testing.assert_close(found, torch.tensor(right))


def test_operating_points_agree_with_scikit_learn(generator: torch.Generator) -> None:
    for count in (5, 20, 60):
        scores, is_hit, _ = random_detections(count, generator)
        hits = int(is_hit.sum())
        precision, recall, thresholds = precision_recall_curve(is_hit, scores)
        right = [torch.tensor(p.copy()) for p in (thresholds, precision, recall)]
        # scikit-learn rises and adds the point where nothing is shown.
        right = [part[: len(thresholds)].flip(0) for part in right]
        found = slow_operating_points(scores, is_hit, hits)
        assert difference(found, right, 1e-6) is None


def test_the_number_on_paper_and_its_mistakes_are_told_apart() -> None:
    hits = [1, 0, 0, 1, 1, 0]
    raw = average_precision_score(hits, [0.95, 0.9, 0.8, 0.7, 0.6, 0.4]) * 3 / 4
    assert raw == pytest.approx(0.525)  # without the envelope
    envelope = [max(1, 2 / 4, 3 / 5), max(2 / 4, 3 / 5), 3 / 5]
    assert sum(envelope) / 4 == pytest.approx(0.55)
    numbers = [0.55, *PAPER_MISTAKES.values()]
    gaps = [abs(a - b) for a, b in itertools.combinations(numbers, 2)]
    assert min(gaps) > 0.003
