"""Recall and MABO against hand-made examples and a plain loop."""

import pytest
import torch
import torchvision
from torch import Tensor

from course_utils.metrics import proposals as metrics


def random_boxes(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = 60 * torch.rand(count, 2, generator=generator)
    size = 5 + 40 * torch.rand(count, 2, generator=generator)
    return torch.cat([corner, corner + size], dim=1)


def random_images() -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Images with 0 to 4 objects, and 0 to 80 proposals."""
    sizes = [(40, 3), (80, 4), (0, 2), (30, 0), (1, 1)]
    proposals = [random_boxes(n, seed) for seed, (n, _) in enumerate(sizes)]
    targets = [
        {"boxes": random_boxes(t, 50 + seed), "labels": torch.arange(t) % 3 + 1}
        for seed, (_, t) in enumerate(sizes)
    ]
    return proposals, targets


def curve_in_a_loop(proposals, targets, counts, threshold):
    recalls, mabos = [], []
    for count in counts:
        found: dict[int, list[float]] = {}
        for boxes, target in zip(proposals, targets, strict=True):
            iou = torchvision.ops.box_iou(boxes[:count], target["boxes"])
            for column, label in zip(iou.T.tolist(), target["labels"], strict=True):
                found.setdefault(int(label), []).append(max(column, default=0.0))
        every = [best for bests in found.values() for best in bests]
        recalls.append(sum(best >= threshold for best in every) / len(every))
        mabos.append(sum(sum(b) / len(b) for b in found.values()) / len(found))
    return torch.tensor(recalls).double(), torch.tensor(mabos).double()


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_the_curve_agrees_with_the_loop(threshold: float) -> None:
    proposals, targets = random_images()
    counts = (0, 1, 5, 25, 1000)
    curve = metrics.evaluate_proposals(
        proposals, targets, counts=counts, iou_threshold=threshold
    )
    recall, mabo = curve_in_a_loop(proposals, targets, counts, threshold)
    torch.testing.assert_close(curve.recall, recall)
    torch.testing.assert_close(curve.mabo, mabo, atol=1e-6, rtol=0)
    assert curve.counts.tolist() == list(counts)
    assert curve.boxes.tolist() == [0, 0.8, 3.2, 15.2, 30.2]


def test_more_boxes_are_never_worse() -> None:
    curve = metrics.evaluate_proposals(*random_images(), counts=range(60))
    assert (curve.recall.diff() >= 0).all()
    assert (curve.mabo.diff() >= 0).all()


def test_mabo_gives_each_class_the_same_say() -> None:
    overlaps = torch.tensor([1.0, 1.0, 1.0, 0.2])
    labels = torch.tensor([1, 1, 1, 2])
    value = metrics.mean_average_best_overlap(overlaps, labels)
    torch.testing.assert_close(value, torch.tensor(0.6))


def test_the_truth_itself_is_all_that_is_needed() -> None:
    _, targets = random_images()
    curve = metrics.evaluate_proposals(
        [target["boxes"] for target in targets], targets, counts=(4,)
    )
    assert curve.recall.item() == 1
    assert curve.mabo.item() == pytest.approx(1)


def test_no_image_and_no_object_have_no_recall() -> None:
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    curve = metrics.evaluate_proposals([random_boxes(3, 0)], [empty], counts=(1, 2))
    assert curve.recall.isnan().all()
    assert curve.mabo.isnan().all()
    nothing = metrics.evaluate_proposals([], [], counts=(1,))
    assert nothing.recall.isnan().all()


@pytest.mark.parametrize("count", [0, 3])
def test_an_image_without_boxes_or_objects_has_the_right_shape(count: int) -> None:
    boxes, truth = random_boxes(count, 0), random_boxes(3 - count, 1)
    best = metrics.best_overlaps(boxes, truth, counts=(0, 1, 9))
    assert best.shape == (3, 3 - count)
    assert (best == 0).all()


def test_bad_input_is_named() -> None:
    proposals, targets = random_images()
    with pytest.raises(ValueError, match="5 images and 4 targets"):
        metrics.evaluate_proposals(proposals, targets[:4])
    with pytest.raises(ValueError, match=r"counts are \[5, -1\]"):
        metrics.evaluate_proposals(proposals, targets, counts=(5, -1))
