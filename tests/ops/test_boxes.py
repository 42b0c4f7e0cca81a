"""Boxes against torchvision, values on paper, and numerical gradients."""

import math

import pytest
import torch
import torchvision
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_convert

from course_utils.ops import boxes as ops


def random_boxes(number: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(number, 2, generator=generator, dtype=dtype) * 90 - 20
    size = torch.rand(number, 2, generator=generator, dtype=dtype) * 60 + 0.5
    return torch.cat([low, low + size], dim=1)


UNIT = torch.tensor([[0.0, 0, 10, 10]])
PAIRS = {
    "none beside none": (torch.zeros(0, 4), torch.zeros(0, 4)),
    "none beside some": (torch.zeros(0, 4), random_boxes(3, 1)),
    "some beside none": (random_boxes(3, 1), torch.zeros(0, 4)),
    "the same": (UNIT, UNIT),
    "apart": (UNIT, UNIT + 20),
    "apart on one axis": (UNIT, UNIT + torch.tensor([20.0, 0, 20, 0])),
    "touching": (UNIT, UNIT + torch.tensor([10.0, 0, 10, 0])),
    "one inside": (UNIT, torch.tensor([[2.0, 3, 4, 9]])),
    "no area beside a box": (UNIT, torch.tensor([[5.0, 5, 5, 5]])),
    "random": (random_boxes(7, 2), random_boxes(5, 3)),
    "random in float64": (
        random_boxes(7, 2, torch.float64),
        random_boxes(5, 3, torch.float64),
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_iou_and_giou_agree_with_torchvision(case: str) -> None:
    a, b = PAIRS[case]
    tolerance = 1e-12 if a.dtype == torch.float64 else 1e-6
    for ours, peer in [
        (ops.box_iou, torchvision.ops.box_iou),
        (ops.generalized_box_iou, torchvision.ops.generalized_box_iou),
    ]:
        torch.testing.assert_close(ours(a, b), peer(a, b), rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", PAIRS)
def test_paired_forms_are_the_diagonal(case: str) -> None:
    a, b = PAIRS[case]
    number = min(len(a), len(b))
    a, b = a[:number], b[:number]
    torch.testing.assert_close(ops.paired_box_iou(a, b), ops.box_iou(a, b).diagonal())
    torch.testing.assert_close(
        ops.paired_generalized_box_iou(a, b), ops.generalized_box_iou(a, b).diagonal()
    )


def test_iou_on_paper() -> None:
    a = torch.tensor([[0.0, 0, 4, 2]])
    b = torch.tensor([[2.0, 1, 6, 4], [1, 0, 5, 2]])
    expected = torch.tensor([[2 / (8 + 12 - 2), 6 / (8 + 8 - 6)]])
    torch.testing.assert_close(ops.box_iou(a, b), expected)


def test_giou_of_unit_boxes_one_apart_is_minus_a_third() -> None:
    a, b = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[2.0, 0, 3, 1]])
    assert ops.generalized_box_iou(a, b).item() == pytest.approx(-1 / 3)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([5.0, 5, 5, 5], [5.0, 5, 5, 5]),
        ([5.0, 1, 5, 9], [5.0, 1, 5, 9]),
        ([10.0, 10, 0, 0], [0.0, 0, 10, 10]),
        ([10.0, 10, 0, 0], [10.0, 10, 0, 0]),
    ],
    ids=["points", "segments", "turned around and not", "both turned around"],
)
def test_empty_boxes_overlap_nothing_with_finite_gradients(
    a: list[float], b: list[float]
) -> None:
    one, other = torch.tensor([a], requires_grad=True), torch.tensor([b])
    assert ops.box_iou(one, other).item() == 0
    assert ops.paired_box_iou(one, other).item() == 0
    assert ops.generalized_box_iou(one, other).item() <= 0
    (ops.box_iou(one, other) + ops.generalized_box_iou(one, other)).sum().backward()
    assert one.grad is not None
    assert one.grad.isfinite().all()


def test_areas_do_not_overflow_integers_or_half_precision() -> None:
    large = torch.tensor([[0, 0, 50_000, 60_000]])
    assert ops.box_area(large.to(torch.int32)).item() == pytest.approx(3e9)
    half = torch.tensor([[0.0, 0, 300, 300], [0, 0, 300, 150]], dtype=torch.float16)
    assert ops.box_area(half).tolist() == [90_000, 45_000]
    assert ops.box_iou(half[:1], half).tolist() == [[1, 0.5]]
    small = torch.tensor([[0, 0, 200, 250]], dtype=torch.uint8)
    assert ops.box_iou(small, small).item() == 1


def test_area() -> None:
    mixed = torch.tensor([[1.0, 2, 4, 8], [3, 3, 3, 9], [4, 8, 1, 2]])
    assert ops.box_area(mixed).tolist() == [18, 0, 0]
    assert ops.box_area(torch.zeros(0, 4)).shape == (0,)


@pytest.mark.parametrize(
    ("convert", "source", "goal"),
    [
        (ops.xyxy_to_xywh, "xyxy", "xywh"),
        (ops.xywh_to_xyxy, "xywh", "xyxy"),
        (ops.xyxy_to_cxcywh, "xyxy", "cxcywh"),
        (ops.cxcywh_to_xyxy, "cxcywh", "xyxy"),
    ],
    ids=["to xywh", "from xywh", "to cxcywh", "from cxcywh"],
)
def test_conversions_agree_with_torchvision(convert, source: str, goal: str) -> None:
    for number in (0, 1, 6):
        given = random_boxes(number, 4)
        torch.testing.assert_close(convert(given), box_convert(given, source, goal))


def test_voc_counts_from_one_and_includes_both_ends() -> None:
    whole = torch.tensor([[0.0, 0, 500, 375]])  # an image of 375 x 500
    assert ops.xyxy_to_voc(whole).tolist() == [[1, 1, 500, 375]]
    pixel = torch.tensor([[3, 7, 3, 7]])  # the third column, the seventh row
    assert ops.voc_to_xyxy(pixel).tolist() == [[2, 6, 3, 7]]
    given = random_boxes(6, 5)
    torch.testing.assert_close(ops.voc_to_xyxy(ops.xyxy_to_voc(given)), given)


def test_normalized_boxes_are_fractions_of_width_and_height() -> None:
    given = torch.tensor([[10, 20, 50, 100]])
    normal = ops.normalize_boxes(given, height=200, width=100)
    torch.testing.assert_close(normal, torch.tensor([[0.1, 0.1, 0.5, 0.5]]))
    torch.testing.assert_close(ops.denormalize_boxes(normal, 200, 100), given.float())


def test_clipping_agrees_with_torchvision() -> None:
    for given in (random_boxes(20, 6), random_boxes(20, 6) + 500, torch.zeros(0, 4)):
        peer = torchvision.ops.clip_boxes_to_image(given, (40, 70))
        torch.testing.assert_close(ops.clip_boxes(given, 40, 70), peer)


def test_small_boxes_agree_with_torchvision() -> None:
    given = torch.cat([random_boxes(20, 7), torch.tensor([[0.0, 0, 20, 20]])])
    kept = ops.remove_small_boxes(given, 20)
    assert kept.tolist() == torchvision.ops.remove_small_boxes(given, 20).tolist()
    assert 20 in kept.tolist(), "a side of exactly min_size is kept"
    assert ops.remove_small_boxes(torch.zeros(0, 4), 1).shape == (0,)


def test_encoding_on_paper() -> None:
    reference = torch.tensor([[10.0, 20, 50, 80]])
    truth = torch.tensor([[15.0, 25, 60, 75]])
    expected = torch.tensor([[0.1875, 0, math.log(45 / 40), math.log(50 / 60)]])
    torch.testing.assert_close(ops.encode_boxes(truth, reference), expected)


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (10, 10, 5, 5), (1, 2, 3, 4)])
def test_encoding_and_decoding_agree_with_torchvision(weights: ops.Weights) -> None:
    truth, reference = random_boxes(9, 8), random_boxes(9, 9)
    coder = BoxCoder(weights=weights)
    code = ops.encode_boxes(truth, reference, weights=weights)
    peer = coder.encode_single(truth, reference)
    torch.testing.assert_close(code, peer, rtol=1e-5, atol=1e-5)
    back = ops.decode_boxes(code, reference, weights=weights)
    torch.testing.assert_close(back, coder.decode_single(code, reference))
    torch.testing.assert_close(back, truth, rtol=0, atol=1e-4)


def test_class_specific_decoding_agrees_with_torchvision() -> None:
    reference = random_boxes(5, 10)
    deltas = torch.randn(5, 4 * 3, generator=torch.Generator().manual_seed(11))
    decoded = ops.decode_boxes(deltas, reference)
    peer = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0)).decode_single(deltas, reference)
    torch.testing.assert_close(decoded, peer.reshape(5, 3, 4))
    torch.testing.assert_close(
        decoded[:, 1], ops.decode_boxes(deltas[:, 4:8], reference)
    )


def test_decoding_clamps_growth_but_not_shrinking() -> None:
    reference = torch.tensor([[0.0, 0, 16, 16]])
    grown = ops.decode_boxes(torch.tensor([[0.0, 0, 1000, -1000]]), reference)
    assert ops.xyxy_to_xywh(grown)[0, 2].item() == pytest.approx(1000)
    assert ops.xyxy_to_xywh(grown)[0, 3].item() == 0


def test_encoding_of_no_boxes() -> None:
    none = torch.zeros(0, 4)
    assert ops.encode_boxes(none, none).shape == (0, 4)
    assert ops.decode_boxes(none, none).shape == (0, 4)
    assert ops.decode_boxes(torch.zeros(0, 12), none).shape == (0, 3, 4)


@pytest.mark.parametrize(
    "function",
    [
        ops.box_iou,
        ops.generalized_box_iou,
        ops.paired_box_iou,
        ops.paired_generalized_box_iou,
        ops.encode_boxes,
        lambda a, b: ops.decode_boxes(a / 100, b),
        lambda a, b: ops.decode_boxes(
            torch.cat([a, b], 1) / 100, b, weights=(1, 2, 3, 4)
        ),
    ],
    ids=["iou", "giou", "paired", "paired giou", "encode", "decode", "decode classes"],
)
def test_gradients(function) -> None:
    a = random_boxes(4, 12, torch.float64).requires_grad_()
    b = random_boxes(4, 13, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, (a, b))


BOX = torch.zeros(2, 4)
MISTAKES = {
    "one box without its row": (lambda: ops.box_area(torch.zeros(4)), "(4,)"),
    "five columns": (lambda: ops.box_iou(torch.zeros(3, 5), BOX), "a has shape (3, 5)"),
    "b is wrong": (lambda: ops.box_iou(BOX, torch.zeros(0)), "b has shape (0,)"),
    "a batch": (lambda: ops.generalized_box_iou(BOX[None], BOX), "(1, 2, 4)"),
    "unequal pairs": (lambda: ops.paired_box_iou(BOX, BOX[:1]), "2 and 1 boxes"),
    "no height": (lambda: ops.normalize_boxes(BOX, 0, 5), "0 x 5"),
    "rows of deltas": (lambda: ops.decode_boxes(BOX[:1], BOX), "(2, 4 * classes)"),
    "columns of deltas": (lambda: ops.decode_boxes(torch.zeros(2, 6), BOX), "(2, 6)"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    call, words = MISTAKES[case]
    with pytest.raises(ValueError, match=r"expected|must|need") as caught:
        call()
    assert words in str(caught.value)
