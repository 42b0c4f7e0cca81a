"""Photographs, their boxes, and the split of the faces."""

import numpy as np
import pytest
import skimage.data
import torch

from course_utils.data.photos import CLASS_NAMES, PHOTO_NAMES, face_patches, photo

THINGS = {
    "astronaut": "face",
    "coffee": "cup",
    "chelsea": "cat",
    "rocket": "rocket",
    "coins": "coin",
}


@pytest.mark.parametrize("name", PHOTO_NAMES)
def test_a_photograph_keeps_the_contract_of_images_and_targets(name: str):
    image, target = photo(name)
    _, height, width = image.shape
    assert image.shape[0] == 3
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1
    boxes, labels = target["boxes"], target["labels"]
    assert boxes.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert {CLASS_NAMES[i] for i in labels.tolist()} == {THINGS[name]}
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert (boxes[:, 2:] <= torch.tensor([width, height])).all()


def test_the_pixels_are_those_of_scikit_image():
    image, _ = photo("coffee")
    expected = skimage.data.coffee()[100, 300] / 255
    assert np.allclose(image[:, 100, 300].numpy(), expected, atol=1e-6)


def test_the_face_box_holds_skin_and_its_rim_does_not():
    image, target = photo("astronaut")
    x1, y1, x2, y2 = target["boxes"][0].int().tolist()
    red, green, blue = image
    is_skin = (red > 0.6) & (red > green + 0.1) & (green > blue)
    assert is_skin[y1:y2, x1:x2].float().mean() > 0.4
    assert is_skin[y1:y2, : x1 - 1].float().mean() < 0.1


def test_the_rocket_box_ends_where_the_blue_sky_begins():
    image, target = photo("rocket")
    x1, y1, x2, _ = target["boxes"][0].tolist()
    near = image[:, 110:155, 295:350]  # the nose, above the tower
    is_grey = (near[2] - near[0]) < 0.12
    rows, columns = np.nonzero(is_grey.numpy())
    found = [columns.min() + 295, rows.min() + 110, columns.max() + 296]
    assert np.abs(np.subtract(found, [x1, y1, x2])).max() <= 2


def test_there_are_24_coins_that_do_not_overlap():
    _, target = photo("coins")
    masks = target["masks"]
    assert masks.shape == (24, 303, 384)
    assert masks.dtype == torch.bool
    assert masks.sum(0).max() == 1
    assert masks.sum((1, 2)).min() > 1000


def test_boxes_of_coins_are_tight_and_half_open():
    _, target = photo("coins")
    for mask, box in zip(target["masks"], target["boxes"], strict=True):
        rows, columns = np.nonzero(mask.numpy())
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box.tolist() == expected


def test_an_unknown_photograph_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match=r"'eagle'.*astronaut, coffee.*coins"):
        photo("eagle")


def test_the_split_of_the_faces_has_both_classes_and_shares_nothing():
    train, train_labels = face_patches("train")
    test, test_labels = face_patches("test")
    assert train.shape == (150, 1, 25, 25)
    assert test.shape == (50, 1, 25, 25)
    assert train_labels.sum() == 75
    assert test_labels.sum() == 25
    everything = torch.cat([train, test]).flatten(1)
    whole = torch.from_numpy(skimage.data.lfw_subset()).float().flatten(1)
    assert torch.equal(sorted_rows(everything), sorted_rows(whole))


def sorted_rows(rows: torch.Tensor) -> torch.Tensor:
    return torch.tensor(sorted(rows.tolist()))


def test_label_1_marks_the_faces():
    images, labels = face_patches("train")
    faces = torch.from_numpy(skimage.data.lfw_subset()[:100]).float().flatten(1)
    is_face = (images.flatten(1)[:, None] == faces).all(-1).any(-1)
    assert torch.equal(is_face.long(), labels)


def test_the_split_is_the_same_each_time():
    assert torch.equal(face_patches("test")[0], face_patches("test")[0])


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"'val'.*'train' or 'test'"):
        face_patches("val")
