"""Windows on images: patches, expansion, and the objects that they keep."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_iou

from course_utils.training.augment import patches as p

HEIGHT, WIDTH = 40, 60


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_boxes(count: int, seed: int) -> Tensor:
    corners = torch.rand(count, 2, 2, generator=generator(seed)).sort(dim=1).values
    return corners.flatten(1) * torch.tensor([WIDTH, HEIGHT] * 2)


def blank(count: int = 1) -> Tensor:
    return torch.zeros(count, 3, HEIGHT, WIDTH)


def a_target(boxes: Tensor) -> dict[str, Tensor]:
    return {"boxes": boxes, "labels": torch.arange(len(boxes)) + 1}


def test_a_thousand_patches_keep_the_rules():
    """The whole or a patch that overlaps an object enough, by a loop over objects."""
    boxes = [random_boxes(1 + seed % 5, seed) for seed in range(1000)]
    windows = p.whole_images(blank(1000))
    for least in (0.3, 0.5):
        found = p.sample_patches(boxes, windows, generator(), overlaps=[least])
        is_whole = (found == windows).all(dim=1)
        assert 0.4 < is_whole.float().mean() < 0.8  # some objects are too small
        for objects, patch in zip(boxes, found, strict=True):
            if torch.equal(patch, windows[0]):
                continue
            x1, y1, x2, y2 = patch.tolist()
            assert 0 <= x1 < x2 <= WIDTH + 1e-4
            assert 0 <= y1 < y2 <= HEIGHT + 1e-4
            w, h = (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT
            assert 0.29 < (w * h) ** 0.5 <= 1.001
            assert 0.49 < w / h < 2.01
            assert any(
                x1 <= (b[0] + b[2]) / 2 < x2
                and y1 <= (b[1] + b[3]) / 2 < y2
                and box_iou(b[None], patch[None]) > least - 1e-5
                for b in objects
            )


def test_every_overlap_is_chosen_about_as_often():
    """With one object that fills the image, each least overlap can be had."""
    boxes = [torch.tensor([[0.0, 0, WIDTH, HEIGHT]])] * 4000
    windows = p.whole_images(blank(4000))
    found = p.sample_patches(boxes, windows, generator(), overlaps=[0.3, 0.6])
    iou = box_iou(boxes[0], found)[0]
    assert (iou == 1).float().mean() == pytest.approx(1 / 3, abs=0.04)
    assert (iou < 0.3).sum() == 0
    assert (iou < 0.6).float().mean() == pytest.approx(1 / 3 * 0.43, abs=0.1)


def test_the_best_overlap_of_each_patch_by_a_loop():
    boxes = [random_boxes(3, 1), torch.zeros(0, 4), random_boxes(1, 2)]
    image = torch.tensor([0, 0, 0, 2])
    patches = p.random_patches(p.whole_images(blank(3)), 20, generator())
    best = p.patch_overlaps(torch.cat(boxes), image, patches)
    for i, objects in enumerate(boxes):
        for t, (x1, y1, x2, y2) in enumerate(patches[i].tolist()):
            held = [
                box_iou(b[None], patches[i, t][None]).item()
                for b in objects
                if x1 <= (b[0] + b[2]) / 2 < x2 and y1 <= (b[1] + b[3]) / 2 < y2
            ]
            assert best[i, t] == pytest.approx(max(held, default=-1), abs=1e-6)


def test_an_image_without_objects_stays_whole():
    windows = p.whole_images(blank(2))
    none = [torch.zeros(0, 4)] * 2
    assert torch.equal(p.sample_patches(none, windows, generator()), windows)
    mixed = [torch.zeros(0, 4), random_boxes(2, 0)]
    found = p.sample_patches(mixed, windows, generator(), overlaps=[0.0])
    assert torch.equal(found[0], windows[0])


def test_an_overlap_that_no_patch_can_have_is_not_chosen():
    small = [torch.tensor([[5.0, 5, 8, 8]])] * 50
    windows = p.whole_images(blank(50))
    found = p.sample_patches(small, windows, generator(), overlaps=[0.9])
    assert torch.equal(found, windows)


def test_expansion_holds_the_image_and_stays_within_its_limit():
    windows = p.whole_images(blank(500))
    wide = p.zoom_out(windows, generator(), most=4)
    assert (wide[:, :2] <= 0).all()
    assert (wide[:, 2:] >= windows[:, 2:] - 1e-3).all()
    factor = (wide[:, 2:] - wide[:, :2]) / windows[:, 2:]
    torch.testing.assert_close(factor[:, 0], factor[:, 1])
    assert 1 <= factor.min() < 1.1
    assert 3.9 < factor.max() <= 4
    assert torch.equal(p.zoom_out(windows, generator(), most=1), windows)
    with pytest.raises(ValueError, match=r"most is 0.5, but 1"):
        p.zoom_out(windows, generator(), most=0.5)


def test_sides_move_by_a_fifth_at_most_and_each_by_itself():
    windows = p.whole_images(blank(500))
    moved = (p.shift_sides(windows, generator()) - windows) / windows[:, 2:].repeat(
        1, 2
    )
    assert 0.19 < moved.max() <= 0.2
    assert -0.2 <= moved.min() < -0.19
    assert torch.corrcoef(moved.T).fill_diagonal_(0).abs().max() < 0.15


def test_a_shift_by_whole_pixels_is_a_padded_crop():
    images = torch.rand(2, 3, HEIGHT, WIDTH, generator=generator())
    windows = p.whole_images(images) + torch.tensor([[4.0, -3, 4, -3], [-5, 2, -5, 2]])
    seen = p.look_through(images, windows, fill=0.25)
    padded = F.pad(images, (5, 5, 5, 5), value=0.25)
    for i, (dx, dy) in enumerate([(4, -3), (-5, 2)]):
        expected = padded[i, :, 5 + dy :, 5 + dx :][:, :HEIGHT, :WIDTH]
        torch.testing.assert_close(seen[i], expected, atol=1e-4, rtol=0)
    whole = p.look_through(images, p.whole_images(images))
    torch.testing.assert_close(whole, images, atol=1e-4, rtol=0)


def test_a_patch_is_resized_as_interpolation_does():
    images = torch.rand(1, 3, HEIGHT, WIDTH, generator=generator())
    seen = p.look_through(images, torch.tensor([[10.0, 5, 40, 25]]))
    crop = images[:, :, 5:25, 10:40]
    expected = F.interpolate(crop, (HEIGHT, WIDTH), mode="bilinear")
    inside = (..., slice(2, -2), slice(2, -2))  # at its border it sees beyond the crop
    torch.testing.assert_close(seen[inside], expected[inside], atol=1e-4, rtol=0)


def test_boxes_are_those_of_masks_transformed_alike():
    checked = 0
    for seed in range(60):
        boxes = random_boxes(3, seed).round()
        boxes[:, 2:] += 2
        boxes = p.clip_boxes(boxes, HEIGHT, WIDTH)
        masks = torch.zeros(3, 1, HEIGHT, WIDTH)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
            mask[:, y1:y2, x1:x2] = 1
        wide = p.zoom_out(p.whole_images(blank()), generator(seed), most=1.5)
        window = p.sample_patches([boxes], wide, generator(seed))
        (moved,) = p.targets_through([a_target(boxes)], window, HEIGHT, WIDTH)
        seen = p.look_through(masks, window.repeat(3, 1), fill=0.0)
        for box, label in zip(moved["boxes"], moved["labels"], strict=True):
            rows, columns = (seen[label - 1, 0] >= 0.5).nonzero().unbind(1)
            if len(rows) == 0:  # less than a pixel is left
                continue
            low = torch.stack([columns.min(), rows.min()])
            high = torch.stack([columns.max(), rows.max()]) + 1
            assert (torch.cat([low, high]) - box).abs().max() <= 1
            checked += 1
    assert checked > 80


def test_an_object_is_kept_if_its_centre_is():
    boxes = torch.tensor([[0.0, 0, 20, 20], [0, 0, 19, 19], [50, 30, 60, 40]])
    window = torch.tensor([[10.0, 10, 40, 30]])
    (target,) = p.targets_through([a_target(boxes)], window, HEIGHT, WIDTH)
    assert target["labels"].tolist() == [1]  # the centre (10, 10) is just inside
    assert target["boxes"].tolist() == [[0, 0, 20, 20]]


def test_targets_of_a_batch_keep_to_their_images():
    targets = [
        a_target(random_boxes(2, 0)) | {"image_id": torch.tensor(7)},
        a_target(torch.zeros(0, 4)),
        a_target(random_boxes(3, 1)),
    ]
    before = [target["boxes"].clone() for target in targets]
    windows = p.shift_sides(p.whole_images(blank(3)), generator())
    together = p.targets_through(targets, windows, HEIGHT, WIDTH)
    for i, target in enumerate(targets):
        (alone,) = p.targets_through([target], windows[i : i + 1], HEIGHT, WIDTH)
        assert torch.equal(alone["boxes"], together[i]["boxes"])
        assert torch.equal(alone["labels"], together[i]["labels"])
        assert torch.equal(target["boxes"], before[i])
    assert together[0]["image_id"] == 7
    assert together[1]["boxes"].shape == (0, 4)


def test_what_cannot_be_moved_is_refused():
    target = a_target(torch.zeros(0, 4)) | {"masks": torch.zeros(0, HEIGHT, WIDTH)}
    with pytest.raises(ValueError, match=r"hold \['masks'\]"):
        p.targets_through([target], p.whole_images(blank()), HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="more than 0"):
        p.look_through(blank(), torch.tensor([[3.0, 0, 3, 9]]))
