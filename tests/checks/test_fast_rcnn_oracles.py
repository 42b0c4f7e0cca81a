"""The slow answers of assignment 03 agree with public peers and with paper."""

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor
from torch.nn import functional as F

from course_utils.checks.fast_rcnn.cases import (
    BINS,
    random_bins,
    random_way_back,
    votes_cases,
    way_back_cases,
)
from course_utils.checks.fast_rcnn.mistakes import (
    BIN_MISTAKES,
    CHOICE_MISTAKES,
    LOSS_MISTAKES,
    VOTE_MISTAKES,
    WAY_BACK_MISTAKES,
)
from course_utils.checks.fast_rcnn.oracles import (
    slow_bins,
    slow_position_sensitive_pool,
    slow_roi_pool_gradient,
)
from course_utils.checks.fast_rcnn.training_cases import (
    CHOICES,
    THIN,
    box_loss_cases,
    layer_of,
    random_box_loss,
    random_choice,
    random_layer,
)
from course_utils.checks.fast_rcnn.training_oracles import (
    slow_box_loss,
    slow_hard_rois,
    slow_rank,
)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(31)


def seen_by_torchvision(
    roi: Tensor, strides: tuple[int, int], output_size: tuple[int, int], size: Tensor
) -> Tensor:
    """(rows, columns, H, W) bool: the cells that each bin of roi_pool looks at."""
    height, width = size
    # Each channel shows a single cell, so that a maximum of 1 says that it was seen.
    one_cell = torch.eye(height * width).reshape(1, -1, height, width)
    in_cells = roi / torch.tensor([strides[1], strides[0]] * 2)
    rois = torch.cat([torch.zeros(1), in_cells])[None]
    pooled = torchvision.ops.roi_pool(one_cell, rois, output_size)[0]
    return pooled.permute(1, 2, 0).reshape(*output_size, height, width) > 0


def painted(boxes: Tensor, strides: tuple[int, int], size: Tensor) -> Tensor:
    """(rows, columns, H, W) bool: the cells inside each box of pixels."""
    down, right = strides
    x, y = torch.arange(size[1]) * right, torch.arange(size[0]) * down
    x1, y1, x2, y2 = boxes[..., None].unbind(-2)
    columns, rows = (x >= x1) & (x < x2), (y >= y1) & (y < y2)
    return rows[..., :, None] & columns[..., None, :]


def test_bins_agree_with_torchvision(generator: torch.Generator) -> None:
    cases = [*BINS.values(), *(random_bins(i, generator) for i in range(60))]
    for corners, strides, output_size, size in cases:
        roi = torch.tensor(corners)
        boxes = slow_bins(roi, strides, output_size, size)
        right = seen_by_torchvision(roi, strides, output_size, size)
        assert torch.equal(painted(boxes, strides, size), right)


def test_position_sensitive_means_agree_with_adaptive_pooling(
    generator: torch.Generator,
) -> None:
    for features, rois, k in votes_cases(generator).values():
        found = slow_position_sensitive_pool(features, rois, k)
        for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
            pooled = F.adaptive_avg_pool2d(features[image, :, y1:y2, x1:x2], k)
            for c, i, j in np.ndindex(*found.shape[1:]):
                channel = (c * k + i) * k + j
                assert found[r, c, i, j] == pytest.approx(
                    pooled[channel, i, j].item(), abs=1e-5
                )


def test_position_sensitive_means_agree_with_torchvision_inside_the_map(
    generator: torch.Generator,
) -> None:
    features, _, k = votes_cases(generator)["random 1"]
    rois = torch.tensor([[2, 1, 1, 6, 5], [0, 3, 2, 5, 4], [1, 0, 0, 7, 3]])
    right = torchvision.ops.ps_roi_pool(features, rois.float(), k)
    found = slow_position_sensitive_pool(features, rois, k)
    torch.testing.assert_close(found, right)


def test_the_way_back_agrees_with_torchvision(generator: torch.Generator) -> None:
    draw = generator
    for _ in range(20):
        features = torch.randint(-6, 9, (2, 3, 6, 9), generator=draw) / 8
        ends = torch.rand(4, 4, generator=draw) * 12 - 2
        low, high = ends[:, :2].minimum(ends[:, 2:]), ends[:, :2].maximum(ends[:, 2:])
        images = torch.randint(0, 2, (4,), generator=draw)
        rois = torch.cat([images[:, None], low, high], dim=1)
        leaf = features.clone().requires_grad_()
        pooled = torchvision.ops.roi_pool(leaf, rois, (3, 2))
        upstream = torch.randint(-9, 9, pooled.shape, generator=draw).float()
        (right,) = torch.autograd.grad(pooled, leaf, upstream)
        boxes = [slow_bins(roi[1:], (1, 1), (3, 2), (6, 9)) for roi in rois]
        bins = torch.stack(boxes).long()
        assert torch.equal(
            slow_roi_pool_gradient(features, images, bins, upstream), right
        )


def test_bins_of_the_way_back_lie_inside_the_map(generator: torch.Generator) -> None:
    cases = way_back_cases(generator) | {"random": random_way_back(2, generator)}
    for features, images, bins, upstream in cases.values():
        height, width = features.shape[2:]
        assert bins.shape[:3] == (len(images), *upstream.shape[2:])
        assert bool((bins >= 0).all() and (bins[..., 2] <= width).all())
        assert bool((bins[..., 3] <= height).all())
        assert bool((bins[..., 2:] >= bins[..., :2]).all())


def test_choices_agree_with_paper() -> None:
    chosen, labels = slow_hard_rois(*CHOICES["the example"])
    assert chosen.tolist() == [6, 1, 4, 3]
    assert labels.tolist() == [2, 2, 0, 0]


def test_choices_keep_what_they_promise(generator: torch.Generator) -> None:
    for i in range(20):
        overlaps, names, losses, count, share = random_choice(i % 6, generator)
        chosen, labels = slow_hard_rois(overlaps, names, losses, count, share)
        best = torch.cat([overlaps.max(dim=1).values, torch.ones(len(names))])
        assert len(chosen.unique()) == len(chosen) <= count
        assert int((labels > 0).sum()) <= count * share
        assert torch.equal(labels > 0, best[chosen] >= 0.5)
        assert bool((best[chosen] > 0.09).all())
        for kind in (labels > 0, labels == 0):
            assert bool((losses[chosen[kind]].diff() <= 0).all())


def test_losses_and_slopes_agree_with_torch(generator: torch.Generator) -> None:
    cases = [
        *box_loss_cases(generator).values(),
        *(random_box_loss(i, generator) for i in range(5)),
    ]
    for deltas, labels, targets, beta in cases:
        leaf, count = deltas.clone().requires_grad_(), max(len(labels), 1)
        rows = labels.nonzero().squeeze(1)
        own = leaf.reshape(len(leaf), leaf.shape[1] // 4, 4)[rows, labels[rows]]
        right = F.smooth_l1_loss(own, targets[rows], beta=beta, reduction="sum")
        (slope,) = torch.autograd.grad(right / count, leaf)
        found = slow_box_loss(deltas, labels, targets, beta)
        torch.testing.assert_close(found, ((right / count).detach(), slope))


def test_ranks_agree_with_numpy(generator: torch.Generator) -> None:
    cases = [*THIN.values(), *(random_layer(i, generator) for i in range(4))]
    for shape, values, most_error in cases:
        parts = layer_of(shape, values, generator)
        weight = torch.stack(parts).sum(dim=0).numpy()
        found = np.linalg.svd(weight, compute_uv=False)
        np.testing.assert_allclose(found[: len(values)], values, rtol=1e-8)
        rank, whole = slow_rank(values, most_error), np.linalg.norm(weight)
        errors = [
            np.linalg.norm(weight - torch.stack(parts[:t]).sum(dim=0).numpy()) / whole
            for t in range(1, len(values) + 1)
        ]
        assert errors[rank - 1] <= most_error
        assert rank == 1 or errors[rank - 2] > most_error
        # No right answer may fall on the other side by a rounded digit.
        assert min(abs(error - most_error) for error in errors) > 1e-3


def test_every_named_mistake_changes_some_answer(generator: torch.Generator) -> None:
    choices = [*CHOICES.values(), *(random_choice(i, generator) for i in range(6))]
    ways = [*way_back_cases(generator).values(), random_way_back(1, generator)]
    told = [
        (
            slow_bins,
            BIN_MISTAKES,
            [(torch.tensor(c), *rest) for c, *rest in BINS.values()],
        ),
        (slow_position_sensitive_pool, VOTE_MISTAKES, votes_cases(generator).values()),
        (slow_roi_pool_gradient, WAY_BACK_MISTAKES, ways),
        (slow_hard_rois, CHOICE_MISTAKES, choices),
        (slow_box_loss, LOSS_MISTAKES, box_loss_cases(generator).values()),
    ]
    for oracle, mistakes, cases in told:
        for text, setting in mistakes.items():
            differs = [
                str(oracle(*case, **setting)) != str(oracle(*case)) for case in cases
            ]
            assert any(differs), text
