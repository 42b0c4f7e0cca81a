"""Mirrored images and their boxes."""

import pytest
import torch

from course_utils.training.augment.flips import flip_half, flip_target


def bright_box(x1: int, y1: int, x2: int, y2: int):
    image = torch.zeros(3, 20, 30)
    image[:, y1:y2, x1:x2] = 1
    boxes = torch.tensor([[x1, y1, x2, y2]]).float()
    return image, {"boxes": boxes, "labels": torch.tensor([2]), "proposals": boxes}


def test_boxes_move_with_the_pixels():
    batch = [bright_box(3 + i, 2, 9 + i, 11) for i in range(16)]
    images, targets = torch.stack([b[0] for b in batch]), [b[1] for b in batch]
    flipped, moved = flip_half(images, targets, torch.Generator().manual_seed(0))
    changed = 0
    for image, target, old in zip(flipped, moved, images, strict=True):
        x1, y1, x2, y2 = target["boxes"][0].int().tolist()
        assert image.sum() == 3 * 6 * 9
        assert (image[:, y1:y2, x1:x2] == 1).all()
        assert torch.equal(target["proposals"], target["boxes"])
        changed += not torch.equal(image, old)
    assert 3 < changed < 13
    again, _ = flip_half(images, targets, torch.Generator().manual_seed(0))
    assert torch.equal(again, flipped)


def test_twice_flipped_is_as_before_and_the_original_stays():
    _, target = bright_box(3, 2, 9, 11)
    before = target["boxes"].clone()
    once = flip_target(target, 30)
    assert once["boxes"].tolist() == [[21, 2, 27, 11]]
    assert torch.equal(flip_target(once, 30)["boxes"], before)
    assert torch.equal(target["boxes"], before)


def test_no_object_is_no_object():
    target = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    assert flip_target(target, 30)["boxes"].shape == (0, 4)


def test_what_cannot_be_mirrored_is_refused():
    target = {"boxes": torch.zeros(0, 4), "masks": torch.zeros(0, 20, 30)}
    with pytest.raises(ValueError, match="hold \\['masks'\\]"):
        flip_target(target, 30)
