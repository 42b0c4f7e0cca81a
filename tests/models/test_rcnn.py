"""R-CNN: passes, batches of regions, learning, and input that is hard to take."""

from copy import deepcopy
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_iou
from two_objects import NOTHING, OBJECTS, make_image

from course_utils.data.tabletop import CLASS_NAMES
from course_utils.models.backbones import Backbone
from course_utils.models.rcnn.detector import (
    RCNN,
    candidates_of,
    detect_regions,
    region_labels,
    sample_regions,
    select_detections,
    softmax_scores,
    zero_heads,
)
from course_utils.models.rcnn.network import (
    CHUNK,
    RegionNetwork,
    count_crops,
    replace_classifier,
)
from course_utils.models.rcnn.tabletop import rcnn_for_tabletop
from course_utils.training.kept_models import keep_model, load_model
from course_utils.training.papers.rcnn_stages import region_features, train_rcnn

CLASSES = 4


def make_model(**settings) -> RCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = RegionNetwork(
            Backbone((8, 16)), crop_size=16, hidden=24, num_classes=CLASSES
        )
        return RCNN(network, context=2, **settings)


def proposals_about(copies: int = 20, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    boxes = OBJECTS.repeat(copies, 1)
    near = boxes + 3 * torch.randn(boxes.shape, generator=generator)
    corner = torch.rand(2 * copies, 2, generator=generator) * torch.tensor([50.0, 34])
    side = 6 + 14 * torch.rand(2 * copies, 2, generator=generator)
    return torch.cat([near, torch.cat([corner, corner + side], dim=1)])


def make_scenes(number: int = 4):
    labels = torch.tensor([1, 3])
    scenes = [
        (make_image(i), {"boxes": OBJECTS, "labels": labels}) for i in range(number)
    ]
    return scenes, [proposals_about(seed=i) for i in range(number)]


def make_batch(number: int = 2):
    scenes, proposals = make_scenes(number)
    targets = [
        t | {"proposals": p} for (_, t), p in zip(scenes, proposals, strict=True)
    ]
    return torch.stack([image for image, _ in scenes]), targets


@cache
def trained_once() -> RCNN:
    model = make_model()
    train_rcnn(
        model,
        *make_scenes(),
        steps=40,
        lr=3e-3,
        seed=0,
        device="cpu",
        batch_size=2,
        c=0.1,
    )
    return model


def trained() -> RCNN:
    return deepcopy(trained_once())


def test_a_large_map_is_pooled_for_the_regressors():
    network = RegionNetwork(
        Backbone((8, 16)), crop_size=32, pooled_size=4, num_classes=CLASSES
    )
    crops = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        maps, found = network.backbone(crops), network.features(crops)
    expected = F.max_pool2d(maps, 2).flatten(1)  # 8 x 8 cells become 4 x 4
    assert torch.equal(found.pool5, expected)


def test_each_proposal_is_one_pass_through_the_network():
    model, proposals = make_model(), proposals_about(CHUNK // 4 + 5)
    assert len(proposals) > CHUNK
    with count_crops(model.network) as counts:
        model.predict(make_image()[None], [proposals])
    assert sum(counts) == len(proposals)
    with count_crops(model.network) as counts:
        model.predict(torch.stack([make_image()] * 2), [proposals[:7], proposals[:4]])
    assert sum(counts) == 11


def test_probabilities_sum_to_one_with_the_background():
    model = make_model()
    features = model.features(make_image(), proposals_about())
    with torch.no_grad():
        rows = model.network.classify(features.fc).softmax(dim=1)
        received = softmax_scores(model.network, features)
    torch.testing.assert_close(rows.sum(dim=1), torch.ones(len(features)))
    torch.testing.assert_close(received, rows[:, 1:])


def test_a_batch_holds_32_regions_of_objects_and_96_of_background():
    images, targets = make_batch(4)
    _, labels = sample_regions(candidates_of(images, targets), targets)
    assert (labels > 0).sum() == 32
    assert (labels == 0).sum() == 96


def test_background_fills_up_where_objects_are_few():
    images, targets = make_batch(4)
    far = {"proposals": proposals_about()[40:]}
    targets = [targets[0] | far, *[target | NOTHING | far for target in targets[1:]]]
    _, labels = sample_regions(candidates_of(images, targets), targets)
    assert (labels > 0).sum() == 2  # the objects' own boxes
    assert (labels == 0).sum() == 126


def test_an_iou_of_one_half_is_an_object_and_less_is_background():
    boxes = torch.tensor([[6.0, 8, 30, 22], [6, 8, 30, 21.9], [60, 0, 70, 9]])
    target = {"boxes": OBJECTS, "labels": torch.tensor([1, 3])}
    assert region_labels(boxes, target).tolist() == [1, 0, 0]
    assert region_labels(boxes, NOTHING).tolist() == [0, 0, 0]


def test_every_weight_gets_a_gradient():
    model = make_model()
    model.losses(*make_batch())["loss_classifier"].backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("objects", [False, True])
def test_the_loss_without_objects_or_proposals_is_finite(objects):
    images, targets = make_batch()
    known = ({} if objects else NOTHING) | {"proposals": torch.zeros(0, 4)}
    targets = [target | known for target in targets]
    loss = make_model().losses(images, targets)["loss_classifier"]
    assert loss.isfinite()
    loss.backward()


def test_only_the_last_layer_is_replaced():
    network = make_model().network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    replace_classifier(network, 21)
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 21)
    for name, value in network.state_dict().items():
        if not name.startswith("classify"):
            assert torch.equal(value, before[name]), name


def test_it_learns_the_two_objects():
    model, (images, targets) = trained(), make_batch()
    found = model.predict(images, [target["proposals"] for target in targets])
    for each in found:
        best = [each["boxes"][each["labels"] == label][:1] for label in (1, 3)]
        assert box_iou(torch.cat(best), OBJECTS).diagonal().min() > 0.7
        assert each["scores"].tolist() == sorted(each["scores"].tolist(), reverse=True)


def test_later_stages_leave_the_network_as_it_is():
    model = trained()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    train_rcnn(model, *make_scenes(), steps=0, lr=1e-3, seed=0, device="cpu")
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    names = {name for name, _ in model.named_parameters()}
    assert names == {f"network.{name}" for name, _ in model.network.named_parameters()}


def test_features_kept_are_those_computed_again():
    model, (images, targets) = trained(), make_batch()
    kept = region_features(model, list(zip(images, targets, strict=True)))
    boxes = torch.cat([OBJECTS, targets[1]["proposals"]])
    again = model.features(images[1], boxes)
    torch.testing.assert_close(kept[1].fc, again.fc)
    torch.testing.assert_close(kept[1].pool5, again.pool5)


@pytest.mark.parametrize("is_training", [True, False])
def test_predictions_do_not_depend_on_the_mode(is_training):
    model, (images, targets) = trained(), make_batch()
    given = [target["proposals"] for target in targets]
    expected = model.eval().predict(images, given)
    received = model.train(is_training).predict(images, given)
    for one, other in zip(expected, received, strict=True):
        torch.testing.assert_close(one, other)


def test_boxes_are_suppressed_within_a_class_only():
    model = trained()
    (found,) = model.predict(make_image()[None], [proposals_about()])
    features = model.features(make_image(), proposals_about())
    _, unchanging = zero_heads(model.network)
    scores = model.svms(features.fc)
    kept = detect_regions(features, scores, proposals_about(), unchanging, (56, 72))
    for label in kept["labels"].unique():
        boxes = kept["boxes"][kept["labels"] == label]
        overlap = box_iou(boxes, boxes).fill_diagonal_(0)
        assert overlap.max() <= 0.3 + 1e-6
    assert len(found["boxes"]) == len(kept["boxes"])
    assert not torch.allclose(found["boxes"], kept["boxes"])


def test_a_region_may_be_detected_as_several_classes_above_the_threshold():
    scores = torch.tensor([[0.5, -0.9, -1.1], [0.4, 0.6, -1.0]])
    boxes = torch.tensor([[0.0, 0, 10, 10], [1.0, 0, 10, 10]])
    rows, values, labels = select_detections(scores, boxes)
    assert rows.tolist() == [1, 0]  # of class 1 the first box is the better one
    assert labels.tolist() == [2, 1]
    torch.testing.assert_close(values, torch.tensor([0.6, 0.5]))
    rows, _, _ = select_detections(scores, boxes, iou_threshold=1.0)
    assert rows.tolist() == [1, 0, 1, 0]
    rows, _, _ = select_detections(scores, boxes, max_detections=1)
    assert rows.tolist() == [1]


def test_no_proposals_give_no_detections():
    outside = torch.tensor([[-9.0, -9, -2, -2], [5, 5, 5, 9], [80, 60, 90, 70]])
    for model in (make_model(), trained()):
        for boxes in (torch.zeros(0, 4), outside):
            (found,) = model.predict(make_image()[None], [boxes])
            assert found["boxes"].shape == (0, 4)
            assert found["scores"].shape == found["labels"].shape == (0,)
            assert found["labels"].dtype == torch.int64
        assert model.predict(torch.zeros(0, 3, 56, 72), []) == []


def test_boxes_stay_inside_the_image():
    beyond = proposals_about() + torch.tensor([30.0, 20, 30, 20])
    (found,) = trained().predict(make_image()[None], [beyond])
    assert found["boxes"].min() >= 0
    assert (found["boxes"] <= torch.tensor([72.0, 56, 72, 56])).all()
    assert (found["boxes"][:, 2:] > found["boxes"][:, :2]).all()


def test_proposals_come_from_the_function_where_none_are_given():
    model = make_model()
    model.propose = lambda image: proposals_about()
    expected = model.predict(make_image()[None], [proposals_about()])
    torch.testing.assert_close(model.predict(make_image()[None]), expected)
    with pytest.raises(ValueError, match="proposals is None"):
        make_model().predict(make_image()[None])


@pytest.mark.parametrize("given", [[], [torch.zeros(0, 4)] * 3])
def test_proposals_for_other_images_are_refused(given):
    with pytest.raises(ValueError, match=f"1 images and {len(given)} proposals"):
        make_model().predict(make_image()[None], given)


def test_targets_without_proposals_are_refused():
    images, targets = make_batch()
    del targets[0]["proposals"]
    with pytest.raises(ValueError, match="`proposals`"):
        make_model().losses(images, targets)


def test_crops_too_small_for_the_network_are_refused():
    with pytest.raises(ValueError, match="crop_size is 20"):
        RegionNetwork(Backbone((8, 16, 24)), crop_size=20, num_classes=3)


def test_a_trained_one_can_be_kept_and_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    model, (images, targets) = trained(), make_batch()
    given = [target["proposals"] for target in targets]
    keep_model(model, "rcnn", "smoke")
    other = make_model()
    assert load_model(other, "rcnn", "smoke")
    for expected, received in zip(
        model.predict(images, given), other.predict(images, given), strict=True
    ):
        torch.testing.assert_close(received, expected, rtol=0, atol=0)
        assert len(expected["boxes"])


def test_the_one_for_the_tabletop_has_one_architecture(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    keep_model(rcnn_for_tabletop(fill=torch.rand(3)), "rcnn", "smoke")
    other = rcnn_for_tabletop()
    assert load_model(other, "rcnn", "smoke")
    assert other.network.classify.out_features == len(CLASS_NAMES)
    assert other.crops(torch.rand(3, 60, 50), OBJECTS).shape == (2, 3, 32, 32)
