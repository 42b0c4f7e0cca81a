"""Right and wrong answers to assignment 00, by which its checks are proven."""

from typing import Any

import torch

from . import boxes, networks

BLANKS = {"a": 3, "b": 45, "c": 30, "d": 2, "e": 3480, "f": 5, "g": 3744, "h": 22470}

RIGHT: dict[str, list[Any]] = {
    "missing_dimensions": [BLANKS, dict(reversed(BLANKS.items()))],
    "trace_network": [networks.trace_by_counting, networks.trace_by_formula],
    "smallest_padding": [
        networks.padding_by_search,
        networks.padding_by_formula,
        networks.padding_of_tensors,
    ],
    "receptive_box": [boxes.box_by_forward_rule, boxes.box_by_loop],
    "tight_boxes": [boxes.boxes_by_pixels, boxes.boxes_without_a_loop],
    "yolo_to_voc": [boxes.voc_by_loop, boxes.voc_by_matrix],
    "padding_answer": ["b", " B "],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "missing_dimensions": [
        (BLANKS | {"a": 16}, "out channels, in channels"),
        (BLANKS | {"b": 46}, "rounds down"),
        (BLANKS | {"b": 61}, "this is the height"),
        (BLANKS | {"d": 1}, "spreads the 3 taps"),
        (BLANKS | {"e": 3456}, "the bias has parameters too"),
        (BLANKS | {"e": 9624}, "spreads the taps and adds none"),
        (BLANKS | {"g": 14976}, "a batch apart"),
        (BLANKS | {"h": 1}, "write the formula"),
        (BLANKS | {"f": 5.0}, "expected a whole number"),
        (dict.fromkeys(BLANKS, 0), "(a)"),
        ([3, 45, 30, 2, 3480, 5, 3744, 22470], "received [3, 45, 30, 2,"),
    ],
    "trace_network": [
        (lambda s, ls: networks.trace(s, ls, sides=1), "on one side only"),
        (lambda s, ls: networks.trace(s, ls, sides=0), "padding is ignored"),
        (lambda s, ls: networks.trace(s, ls, dilate=False), "dilation is ignored"),
        (
            lambda s, ls: networks.trace(s, ls, swapped=True),
            "height and width are swapped",
        ),
        (lambda s, ls: networks.trace(s, ls, count_bias=False), "bias is left out"),
        (networks.trace_with_every_bias, "where there is none"),
        (lambda s, ls: networks.trace(s, ls, ceil=True), "its shape"),
        (lambda s, ls: [], "a list of 1 pairs"),
        (lambda s, ls: None, "received None: is there a `return`?"),
        (lambda s, ls: [s] * len(ls), "expected a pair"),
        (networks.trace_with_torch, "is switched off"),
    ],
    "smallest_padding": [
        (networks.padding_half_kernel, "it gives size"),
        (networks.padding_undilated, "the dilation is ignored"),
        (networks.padding_both_sides, "it gives size"),
        (networks.padding_without_test, "expected None"),
        (networks.padding_largest, "not the smallest"),
        (networks.padding_negative, "never negative"),
        (networks.padding_down_to_minus_one, "never negative"),
        (lambda *_, **__: None, "received None"),
        (lambda *_, **__: 1, "no padding needed"),
    ],
    "receptive_box": [
        (boxes.box_swapped, "x and y are swapped"),
        (boxes.box_inclusive, "half-open"),
        (boxes.box_unpadded, "padding is ignored"),
        (boxes.box_undilated, "dilation is ignored"),
        (boxes.box_wrong_order, "wrong order"),
        (boxes.box_clipped, "one 3x3 with padding"),
        (boxes.box_in_whole_numbers, "torch.float32"),
        (boxes.box_by_popping, "changed its input"),
        (lambda layers, row, column: torch.tensor([5.0, 2, 6, 3]), "one 3x3"),
    ],
    "tight_boxes": [
        (boxes.boxes_inclusive, "half-open"),
        (boxes.boxes_swapped, "x and y are swapped"),
        (boxes.boxes_that_need_pixels, "an empty mask between two"),
        (boxes.boxes_of_one_pixel, "an empty mask is given one pixel"),
        (boxes.boxes_of_torchvision, "is switched off"),
        (lambda masks: torch.zeros(len(masks), 4), "one object"),
        (lambda masks: masks, "expected shape"),
    ],
    "yolo_to_voc": [
        (boxes.voc_swapped, "height and width are swapped"),
        (boxes.voc_from_zero, "counts pixels from 1"),
        (boxes.voc_all_plus_one, "x2 and y2 stay"),
        (boxes.voc_whole_sides, "half a side"),
        (boxes.voc_not_scaled, "not pixels"),
        (boxes.voc_centres, "two corners"),
        (boxes.voc_in_place, "changed its input"),
        (lambda boxes, height, width: boxes, "the whole image"),
    ],
    "padding_answer": [
        ("a", "Padding puts zeros"),
        ("c", "The next layer reads"),
        ("d", "the same numbers"),
        ("e", "one of"),
        (2, "one of"),
    ],
}
