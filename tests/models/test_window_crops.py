"""The crops that a window classifier learns from."""

import pytest
import torch
from torch import Tensor

from course_utils.models.sliding_window import SlidingWindowDetector
from course_utils.models.sliding_window import WindowClassifier, dense_logits
from course_utils.models.sliding_window import (
    Crops,
    cut_windows,
    join_crops,
    label_all_windows,
    label_windows,
    pick,
    sample_crops,
)

SIZES = [(24.0, 24.0), (40.0, 20.0)]
NOTHING = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_image(height: int = 60, width: int = 80) -> Tensor:
    return torch.rand(3, height, width, generator=generator())


def make_classifier() -> WindowClassifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return WindowClassifier(4, widths=(4, 6, 8), hidden=10)


def test_crops_are_a_dataset():
    crops = Crops(torch.rand(3, 3, 24, 24, generator=generator()), torch.arange(3))
    image, target = crops[2]
    assert len(crops) == 3
    assert image.shape == (3, 24, 24)
    assert target["labels"].shape == ()
    assert target["labels"].item() == 2


def test_each_crop_needs_a_label():
    with pytest.raises(ValueError, match="3 crops and 2 labels"):
        Crops(torch.zeros(3, 3, 24, 24), torch.arange(2))


def test_windows_are_labelled_by_what_they_cover():
    boxes, labels = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]]), [5, 2]
    windows = torch.tensor(
        [[20.0, 0, 30, 10], [0, 0, 10, 8], [0, 0, 10, 5], [0, 0, 10, 4], [50, 0, 60, 9]]
    )  # IoU 1, 0.8, 0.5, 0.4, 0
    answer = label_windows(
        windows, boxes, torch.tensor(labels), positive_iou=0.6, negative_iou=0.5
    )
    assert answer.tolist() == [2, 5, -1, 0, 0]


def test_without_objects_every_window_is_background():
    windows = torch.tensor([[0.0, 0, 10, 10], [5, 5, 9, 9]])
    answer = label_windows(
        windows, *NOTHING.values(), positive_iou=0.6, negative_iou=0.5
    )
    assert answer.tolist() == [0, 0]
    assert answer.dtype == torch.int64


def test_a_pick_holds_objects_and_backgrounds_but_nothing_unused():
    labels = torch.tensor([0, -1, 3, 0, -1, 0, 2, 0, -1])
    picked = labels[pick(labels, 2, generator())]
    assert sorted(picked.tolist()) == [0, 0, 2, 3]
    assert sorted(labels[pick(labels, 9, generator())].tolist()) == [0, 0, 0, 0, 2, 3]


@pytest.mark.parametrize("size", SIZES)
def test_cut_windows_are_what_the_dense_pass_looks_at(size):
    from course_utils.models.sliding_window import scan

    classifier, image = make_classifier(), random_image()
    boxes, probabilities = scan(classifier, image[None], size)
    places = torch.tensor([0, 3, len(boxes) - 2])
    crops = cut_windows(image, size, classifier, places)
    alone = classifier(crops).softmax(dim=1)
    torch.testing.assert_close(alone, probabilities[0, places], atol=1e-5, rtol=0)
    assert cut_windows(image, size, classifier, places[:0]).shape == (0, 3, 24, 24)


def test_sampled_crops_hold_the_object_and_background():
    target = {"boxes": torch.tensor([[8.0, 12, 32, 36]]), "labels": torch.tensor([3])}
    image = torch.zeros(3, 60, 80)
    image[:, 12:36, 8:32] = 1.0
    crops = sample_crops(
        image, target, make_classifier(), SIZES, generator=generator(), most=3
    )
    share = crops.crops.mean(dim=(1, 2, 3))  # how much of each crop is white
    assert set(crops.labels.tolist()) == {0, 3}
    assert share[crops.labels == 3].min() > 0.6
    assert share[crops.labels == 0].max() < 0.8
    assert (crops.labels == 0).sum() == 6


def test_sampling_is_repeatable_and_fine_without_windows():
    image, classifier = random_image(), make_classifier()
    one, two = (
        sample_crops(image, NOTHING, classifier, SIZES, generator=generator(7))
        for _ in range(2)
    )
    torch.testing.assert_close(one.crops, two.crops)
    tiny = sample_crops(
        random_image(10, 12), NOTHING, classifier, SIZES, generator=generator()
    )
    assert tiny.crops.shape == (0, 3, 24, 24)
    assert tiny.labels.dtype == torch.int64


def test_all_windows_of_resized_images_get_a_label():
    classifier, images = make_classifier(), random_image()[None].repeat(2, 1, 1, 1)
    target = {"boxes": torch.tensor([[8.0, 12, 32, 36]]), "labels": torch.tensor([3])}
    small, answers = label_all_windows(
        images, [target, NOTHING], classifier, (24.0, 24.0)
    )
    torch.testing.assert_close(small, images)
    assert dense_logits(classifier, small).shape == (2, 4, 10, 15)
    assert answers[0]["labels"].shape == answers[1]["labels"].shape == (10, 15)
    assert answers[0]["labels"][3, 2] == 3  # the window from (8, 12), stride 4
    assert answers[0]["labels"][0, 9] == 0
    assert (answers[1]["labels"] == 0).all()


@pytest.mark.parametrize("size", SIZES)
def test_labels_of_windows_fit_the_losses(size):
    classifier, images = make_classifier(), random_image(50, 70)[None]
    small, answers = label_all_windows(images, [NOTHING], classifier, size)
    loss = SlidingWindowDetector(classifier, SIZES).losses(small, answers)
    assert loss["classification"].isfinite()


def test_joined_crops_keep_their_order():
    parts = [
        Crops(torch.full((2, 3, 24, 24), v), torch.tensor([1, 0])) for v in (0.1, 0.9)
    ]
    joined = join_crops(parts)
    assert joined.labels.tolist() == [1, 0, 1, 0]
    assert joined.crops[:, 0, 0, 0].tolist() == pytest.approx([0.1, 0.1, 0.9, 0.9])
    with pytest.raises(ValueError, match="parts is empty"):
        join_crops([])
