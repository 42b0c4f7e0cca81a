"""Wrong answers to the task cut_patch, with what they are to be told."""

from typing import Any

import cheats
import torch

from . import patches
from .patches import made, with_mapping

WRONG_PATCHES: list[tuple[Any, str]] = [
    (made(holds=patches.touching), "not all that it touches"),
    (made(holds=patches.whole_inside), "it may reach beyond it"),
    (made(holds=patches.corner_in), "not at its corner"),
    (made(holds=patches.x_in), "in the patch in y, too"),
    (made(holds=patches.y_in), "in the patch in x, too"),
    (made(holds=patches.closed), "its right and lower border is outside"),
    (made(holds=patches.opened), "its left and upper border is inside"),
    (made(holds=patches.cut_centre_in), "cut_patch, case"),
    (made(holds=patches.half_sizes), "cut_patch, case"),
    (made(measure=patches.of_the_object), "the share of the object that is seen"),
    (made(measure=patches.of_the_patch), "the share of the patch that is filled"),
    (made(measure=patches.without_minus), "cut_patch, case"),
    (made(measure=patches.inclusive), "an IoU a little below the least one"),
    (made(allows=patches.some_held), "must overlap enough, not only one"),
    (made(allows=patches.some_object), "only objects whose centre it holds"),
    (made(allows=patches.all_objects), "lies outside do not forbid a patch"),
    (made(allows=patches.all_touched), "does not forbid a patch, though cut"),
    (made(allows=patches.strictly), "an IoU equal to `min_iou` is enough"),
    (made(allows=patches.on_average), "not their mean"),
    (made(allows=patches.empty_too), "that keeps no object is not allowed"),
    (made(allows=patches.always), "the first patch is not always allowed"),
    (made(allows=patches.not_empty), "the example"),
    (made(allows=patches.never), "the example"),
    (made(choice=patches.last), "is taken, not the last"),
    (made(choice=patches.fullest), "is taken, not the fullest"),
    (made(choice=patches.smallest), "cut_patch, case"),
    (made(otherwise=patches.first_patch), "the whole image is taken"),
    (made(otherwise=patches.last_patch), "no patch is allowed"),
    (made(otherwise=patches.turned_image), "image_size is (height, width)"),
    (made(otherwise=patches.last_pixel), "no objects"),
    (made(otherwise=patches.no_patch), "no objects"),
    (with_mapping(patches.each_axis, clips=False), "boxes are clipped to the patch"),
    (with_mapping(patches.each_axis, moves=False), "boxes are moved"),
    (with_mapping(patches.one), "boxes grow with the patch"),
    (with_mapping(patches.by_width), "y has a factor of its own"),
    (with_mapping(patches.by_height), "x has a factor of its own"),
    (with_mapping(patches.by_shorter), "both sides of the patch become `side`"),
    (with_mapping(patches.by_longer), "though pictures get distorted"),
    (with_mapping(patches.axes_turned), "x is scaled by side / width"),
    (with_mapping(patches.shares), "multiply by `side`"),
    (with_mapping(patches.wrong_way), "multiply by side / width"),
    (made(sees=patches.clipped_late), "cut_patch, case"),
    (made(sees=patches.clipped_low_alone), "cut_patch, case"),
    (made(sees=patches.moved_by_end), "cut_patch, case"),
    (patches.kept_enough, "keeps every object whose centre it holds"),
    (made(finish=patches.all_labels), "value 2: expected shape (1,)"),
    (made(finish=patches.first_labels), "value 2"),
    (made(finish=patches.indices), "value 2"),
    (made(finish=patches.all_boxes), "value 1: expected shape (1, 4)"),
    (made(finish=patches.boxes_first), "value 0: expected shape (4,)"),
    (made(finish=patches.boxes_and_labels), "expected 3 values, received 2"),
    (made(finish=patches.patch_as_list), "convert it with `torch.tensor`"),
    (made(finish=patches.corner_and_size), "cut_patch, case"),
    (made(finish=patches.sorted_by_label), "cut_patch, case"),
    (patches.in_place, "changed its input in place"),
    (patches.by_box_iou, "box_iou is switched off"),
    (patches.by_clipping, "clip_boxes_to_image is switched off"),
    (patches.by_library, "clip_boxes is switched off"),
    (patches.by_transform, "make_params is switched off"),
    (patches.by_crop, "crop_bounding_boxes is switched off"),
    (
        cheats.returns(
            (
                torch.tensor([10.0, 10, 70, 60]),
                torch.tensor([[20.0, 24, 100, 120]]),
                torch.tensor([1]),
            )
        ),
        "no objects",
    ),
    (cheats.returns(None), "expected a tuple of 3"),
]
