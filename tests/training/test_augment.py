"""The augmentations of the papers, on scenes."""

from functools import partial

import pytest
import torch

from course_utils.data.tabletop import Tabletop
from course_utils.models.model import Target
from course_utils.training.augment import augment_ssd, augment_yolo, distort_colors
from course_utils.training.batches import load_batch, move_batch

AUGMENTS = {"ssd": augment_ssd, "yolo": augment_yolo}


def scenes() -> tuple[torch.Tensor, list[Target]]:
    batch = load_batch(Tabletop(12, size=48, truth=()), range(12))
    images, targets = move_batch(*batch, torch.device("cpu"))
    targets[3] = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long()}
    return images, targets


@pytest.mark.parametrize("name", AUGMENTS)
def test_a_batch_stays_a_batch_with_boxes_inside(name: str):
    images, targets = scenes()
    before = images.clone(), [target["boxes"].clone() for target in targets]
    kept = 0
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        changed, moved = AUGMENTS[name](images, targets, generator)
        assert changed.shape == images.shape
        assert changed.min() >= -1e-5
        assert changed.max() <= 1 + 1e-5
        assert (changed - images).flatten(1).abs().amax(dim=1).min() > 0
        for target in moved:
            boxes = target["boxes"]
            assert len(boxes) == len(target["labels"])
            assert (boxes[:, 2:] > boxes[:, :2]).all()
            assert boxes.numel() == 0 or 0 <= boxes.min() <= boxes.max() <= 48
            kept += len(boxes)
        assert len(moved[3]["boxes"]) == 0
    assert torch.equal(images, before[0])
    for target, boxes in zip(targets, before[1], strict=True):
        assert torch.equal(target["boxes"], boxes)
    assert kept > 0.5 * 10 * sum(map(len, before[1]))


@pytest.mark.parametrize("name", AUGMENTS)
def test_chances_come_from_the_generator_alone(name: str):
    images, targets = scenes()
    torch.manual_seed(1)
    one, one_targets = AUGMENTS[name](images, targets, torch.Generator().manual_seed(5))
    torch.manual_seed(2)
    two, two_targets = AUGMENTS[name](images, targets, torch.Generator().manual_seed(5))
    other, _ = AUGMENTS[name](images, targets, torch.Generator().manual_seed(6))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    for a, b in zip(one_targets, two_targets, strict=True):
        assert torch.equal(a["boxes"], b["boxes"])


def test_settings_that_change_no_window_leave_only_flips_and_colours():
    images, targets = scenes()
    still = partial(augment_ssd, most_zoom=1.0, overlaps=())
    _, moved = still(images, targets, torch.Generator().manual_seed(0))
    flips = 0
    for old, new in zip(targets, moved, strict=True):
        mirrored = old["boxes"][:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1])
        mirrored += torch.tensor([48.0, 0, 48, 0])
        is_flipped = torch.allclose(new["boxes"], mirrored)
        assert is_flipped or torch.allclose(new["boxes"], old["boxes"])
        flips += is_flipped
    assert 2 < flips < 10


def test_colours_change_in_most_images_but_not_in_all():
    image = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    images = distort_colors(
        image.repeat(400, 1, 1, 1), torch.Generator().manual_seed(0)
    )
    same = torch.isclose(images, image, atol=1e-4).flatten(1).all(dim=1)
    assert same.float().mean() == pytest.approx(1 / 16, abs=0.04)
