"""The window classifier, the detector made of it, and the crops that it learns from."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from two_objects import NOTHING

from course_utils.models.sliding_window import (
    CANDIDATES,
    Crops,
    LocalContrast,
    SlidingWindowDetector,
    WindowClassifier,
    boxes_of_size,
    cut_windows,
    dense_logits,
    detections_above,
    join_crops,
    label_all_windows,
    label_windows,
    pick,
    resize_for,
    sample_crops,
    scan,
    suppress,
    window_sizes,
)
from course_utils.ops.windows import window_grid

SIZES = [(24.0, 24.0), (40.0, 20.0)]


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def make_classifier(num_classes: int = 4, **settings) -> WindowClassifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return WindowClassifier(num_classes, widths=(4, 6, 8), hidden=10, **settings)


def make_detector(**settings) -> SlidingWindowDetector:
    return SlidingWindowDetector(make_classifier(), SIZES, **settings)


@pytest.mark.parametrize("window", [16, 24, 32])
def test_a_crop_gets_one_score_a_class(window):
    classifier = make_classifier(window=window)
    assert classifier(random_tensor(2, 3, window, window)).shape == (2, 4)
    assert classifier(random_tensor(0, 3, window, window)).shape == (0, 4)


@pytest.mark.parametrize("window", [12, 15, 22, 0])
def test_a_window_that_cannot_be_halved_twice_is_refused(window):
    with pytest.raises(ValueError, match=f"window is {window}, but 16, 20"):
        make_classifier(window=window)


@pytest.mark.parametrize("contrast", [0, 2, -1])
def test_contrast_needs_a_middle_pixel(contrast):
    with pytest.raises(ValueError, match=f"contrast is {contrast}, but 1, 3, 5"):
        make_classifier(contrast=contrast)


def test_local_contrast_does_not_see_the_light():
    layer = LocalContrast(9)
    images = random_tensor(2, 3, 20, 31)
    plain = layer(images)
    assert plain.shape == (2, 3, 12, 23)
    torch.testing.assert_close(layer(images + 0.3), plain, atol=1e-3, rtol=0)
    assert (layer(images * 2) - plain).abs().max() < 0.1
    x, y = 7, 4  # by hand, at the middle of one square
    square = images[1, 2, y : y + 9, x : x + 9]
    spread = (square.var(unbiased=False) + 0.05**2).sqrt()
    expected = (square[4, 4] - square.mean()) / spread
    torch.testing.assert_close(plain[1, 2, y, x], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("window", "contrast"), [(16, 1), (24, 1), (24, 9)])
@pytest.mark.parametrize(("height", "width"), [(24, 24), (37, 50), (41, 24), (26, 63)])
def test_one_dense_pass_equals_all_the_crops(window, contrast, height, width):
    classifier = make_classifier(window=window, contrast=contrast)
    images = random_tensor(2, 3, height, width)
    grid = window_grid(height, width, window, window, stride=classifier.stride)
    dense = dense_logits(classifier, images).flatten(2)  # (2, 4, N)
    assert dense.shape == (2, 4, len(grid))
    for i, (x1, y1, x2, y2) in enumerate(grid.long().tolist()):
        alone = classifier(images[:, :, y1:y2, x1:x2])
        torch.testing.assert_close(dense[:, :, i], alone, atol=1e-5, rtol=1e-5)


def test_padding_would_break_the_equality_at_borders():
    classifier = make_classifier()
    for layer in classifier.features:
        if isinstance(layer, torch.nn.Conv2d):
            layer.padding = (1, 1)
    image = random_tensor(1, 3, 48, 48)
    crop = classifier.features(image[:, :, 8:32, 8:32])
    dense = classifier.features(image)[:, :, 2:8, 2:8]
    torch.testing.assert_close(dense[..., 2:4, 2:4], crop[..., 2:4, 2:4])
    assert (dense - crop).abs().max() > 1e-3


def test_each_parameter_gets_a_gradient():
    detector = make_detector()
    targets = [{"labels": torch.tensor(i % 4)} for i in range(8)]
    losses = detector.losses(random_tensor(8, 3, 24, 24), targets)
    assert losses.keys() == {"classification"}
    losses["classification"].backward()
    for name, weight in detector.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_it_overfits_one_batch():
    detector = make_detector()
    images = random_tensor(8, 3, 24, 24)
    targets = [{"labels": torch.tensor(i % 4)} for i in range(8)]
    optimizer = torch.optim.Adam(detector.parameters(), lr=0.01)
    for _ in range(150):
        loss = detector.losses(images, targets)["classification"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_a_classifier_learns_from_crops_by_cross_entropy():
    classifier = make_classifier()
    images, labels = random_tensor(3, 3, 24, 24), torch.tensor([2, 0, 3])
    loss = classifier.losses(images, [{"labels": label} for label in labels])
    expected = F.cross_entropy(classifier(images), labels)
    torch.testing.assert_close(loss["classification"], expected)


def test_losses_of_crops_are_those_of_cross_entropy():
    detector = make_detector()
    images, labels = random_tensor(3, 3, 24, 24), torch.tensor([2, 0, 3])
    loss = detector.losses(images, [{"labels": label} for label in labels])
    expected = F.cross_entropy(detector.classifier(images), labels)
    torch.testing.assert_close(loss["classification"], expected)


def test_losses_of_images_are_over_objects_and_the_hardest_background():
    detector = make_detector(negatives=2)
    images = random_tensor(2, 3, 32, 40)
    labels = torch.zeros(2, 3, 5, dtype=torch.int64)
    labels[0, 1, 2], labels[1, 2, 4], labels[0, 0] = 3, 1, -1
    loss = detector.losses(images, [{"labels": each} for each in labels])
    grid = window_grid(32, 40, 24, 24, stride=4).long().tolist()
    terms = {1: [], 0: []}
    for image, answers in zip(images, labels.flatten(1).tolist(), strict=True):
        for (x1, y1, x2, y2), label in zip(grid, answers, strict=True):
            logits = detector.classifier(image[None, :, y1:y2, x1:x2])
            if label >= 0:
                term = F.cross_entropy(logits, torch.tensor([label])).item()
                terms[min(label, 1)].append(term)
    expected = terms[1] + sorted(terms[0])[-4:]  # two backgrounds for each object
    mean = sum(expected) / len(expected)
    assert loss["classification"].item() == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize("label", [-1, 0])
def test_images_without_objects_have_a_finite_loss(label):
    labels = torch.full((3, 5), label)
    loss = make_detector().losses(random_tensor(1, 3, 32, 40), [{"labels": labels}])
    assert loss["classification"].isfinite()
    loss["classification"].backward()


@pytest.mark.parametrize("is_training", [True, False])
def test_predictions_do_not_depend_on_the_mode(is_training):
    images = random_tensor(2, 3, 50, 70)
    expected = make_detector(score_threshold=0.0).eval().predict(images)
    received = make_detector(score_threshold=0.0).train(is_training).predict(images)
    for one, other in zip(expected, received, strict=True):
        torch.testing.assert_close(one, other)


def test_predictions_are_sorted_inside_the_image_and_apart():
    from torchvision.ops import box_iou

    predictions = make_detector(score_threshold=0.0).predict(
        random_tensor(2, 3, 50, 70)
    )
    assert len(predictions) == 2
    for found in predictions:
        assert found.keys() == {"boxes", "scores", "labels"}
        assert 0 < len(found["boxes"]) <= 100
        assert found["labels"].dtype == torch.int64
        assert set(found["labels"].tolist()) <= {1, 2, 3}
        assert (found["scores"].diff() <= 0).all()
        low, high = found["boxes"].min(dim=0).values, found["boxes"].max(dim=0).values
        assert (low[:2] >= 0).all()
        assert (high[2:] <= torch.tensor([70.001, 50.001])).all()
        same = found["labels"][:, None] == found["labels"]
        overlap = (box_iou(found["boxes"], found["boxes"]) * same).fill_diagonal_(0)
        assert overlap.max() <= 0.3


@pytest.mark.parametrize(
    ("case", "shape", "threshold"),
    [
        ("nothing scores enough", (2, 3, 50, 70), 1.0),
        ("no window fits", (2, 3, 10, 12), 0.0),
        ("no image", (0, 3, 50, 70), 0.0),
    ],
)
def test_empty_predictions_have_the_right_shapes(case, shape, threshold):
    predictions = make_detector(score_threshold=threshold).predict(
        random_tensor(*shape)
    )
    assert len(predictions) == shape[0], case
    for found in predictions:
        assert found["boxes"].shape == (0, 4)
        assert found["scores"].shape == (0,)
        assert found["labels"].shape == (0,)
        assert found["labels"].dtype == torch.int64


def test_no_size_is_refused():
    with pytest.raises(ValueError, match="sizes is empty"):
        SlidingWindowDetector(make_classifier(), [])


def test_boxes_of_the_windows_own_size_are_its_grid():
    boxes = boxes_of_size((50, 70), (24.0, 24.0), make_classifier())
    torch.testing.assert_close(boxes, window_grid(50, 70, 24, 24, stride=4))


def test_boxes_have_the_size_asked_for_up_to_a_pixel_of_rounding():
    boxes = boxes_of_size((60, 80), (40.0, 20.0), make_classifier())
    width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(dim=1)
    torch.testing.assert_close(height, torch.full_like(height, 40), atol=0.7, rtol=0)
    torch.testing.assert_close(width, torch.full_like(width, 20), atol=0.7, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_a_scan_gives_each_box_the_probabilities_of_its_own_crop(size):
    classifier = make_classifier()
    images = random_tensor(2, 3, 60, 80)
    boxes, probabilities = scan(classifier, images, size)
    small = resize_for(images, size, 24)
    assert probabilities.shape == (2, len(boxes), 4)
    rows = (small.shape[2] - 24) // 4 + 1
    columns = (small.shape[3] - 24) // 4 + 1
    assert len(boxes) == rows * columns
    index = len(boxes) - 2  # last row, last column but one: x and y differ
    y, x = 4 * (index // columns), 4 * (index % columns)
    crop = small[:, :, y : y + 24, x : x + 24]
    expected = classifier(crop).softmax(dim=1)
    torch.testing.assert_close(probabilities[:, index], expected, atol=1e-5, rtol=0)
    scale = torch.tensor([80 / small.shape[3], 60 / small.shape[2]]).repeat(2)
    place = torch.tensor([x, y, x + 24, y + 24]) * scale
    torch.testing.assert_close(boxes[index], place)


def test_detections_leave_out_the_background_and_may_share_a_box():
    boxes = torch.tensor([[0.0, 0, 10, 20], [5, 5, 25, 15]])
    probabilities = torch.tensor([[0.2, 0.45, 0.35], [0.9, 0.02, 0.08]])
    found = detections_above(boxes, probabilities, 0.3)
    torch.testing.assert_close(found["scores"], torch.tensor([0.45, 0.35]))
    assert found["labels"].tolist() == [1, 2]
    torch.testing.assert_close(found["boxes"], boxes[[0, 0]])


def test_suppression_is_within_classes_and_has_a_limit():
    found = {
        "boxes": torch.tensor([[0.0, 0, 10, 20], [0, 0, 10, 19], [0, 0, 10, 20]]),
        "scores": torch.tensor([0.9, 0.8, 0.7]),
        "labels": torch.tensor([1, 1, 2]),
    }
    assert suppress(found, 0.5, 100)["scores"].tolist() == pytest.approx([0.9, 0.7])
    assert suppress(found, 0.5, 1)["scores"].tolist() == pytest.approx([0.9])


def test_suppression_looks_at_the_best_candidates_only():
    far_apart = torch.arange(CANDIDATES + 5)[:, None] * 10.0
    found = {
        "boxes": far_apart + torch.tensor([0.0, 0, 8, 6]),
        "scores": torch.linspace(1, 0, CANDIDATES + 5),
        "labels": torch.ones(CANDIDATES + 5, dtype=torch.int64),
    }
    assert len(suppress(found, 0.5, 9999)["boxes"]) == CANDIDATES


def test_window_sizes_keep_the_area_and_the_ratio():
    sizes = torch.tensor(window_sizes((10, 20), (0.5, 1, 2)))
    height, width = sizes.unbind(dim=1)
    torch.testing.assert_close(height * width, torch.tensor([100.0] * 3 + [400.0] * 3))
    torch.testing.assert_close(height / width, torch.tensor([0.5, 1, 2] * 2))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_image(height: int = 60, width: int = 80) -> Tensor:
    return torch.rand(3, height, width, generator=generator())


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
        image,
        target,
        make_classifier(),
        SIZES,
        generator=generator(),
        most=3,
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
    classifier, images = (
        make_classifier(),
        random_image()[None].repeat(2, 1, 1, 1),
    )
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
