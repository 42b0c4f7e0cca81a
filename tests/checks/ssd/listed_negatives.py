"""Wrong answers to the task chosen_negatives, with what they are to be told."""

from typing import Any

import cheats
import torch

from . import negatives

WRONG_NEGATIVES: list[tuple[Any, str]] = [
    (negatives.made(cost=negatives.of_class_0), "background is the last class here"),
    (negatives.made(cost=negatives.own_logit), "own logit is no loss"),
    (negatives.made(cost=negatives.best_object), "background's logit counts"),
    (negatives.made(cost=negatives.best_chance), "chosen_negatives, case"),
    (negatives.made(cost=negatives.margin), "adds all objects up"),
    (negatives.made(cost=negatives.easiest), "the easiest boxes were chosen"),
    (negatives.made(cost=negatives.unsure), "the least certain box is not the one"),
    (negatives.made(cost=negatives.by_softmax), "different losses look alike"),
    (negatives.made(cost=negatives.by_plain_exponentials), "too large for a plain"),
    (negatives.made(cost=negatives.one_minus_chance), "too large for a plain"),
    (negatives.made(cost=negatives.over_boxes), "chosen_negatives, case"),
    (negatives.made(cost=negatives.by_sigmoid), "own logit is no loss"),
    (negatives.made(pool=negatives.ignored_too), "boxes labelled -1 are no background"),
    (negatives.made(pool=negatives.every_box), "only boxes labelled background"),
    (negatives.made(pool=negatives.label_0), "background is label K - 1"),
    (negatives.made(things=negatives.above_0), "chosen_negatives, case"),
    (negatives.made(things=negatives.not_last), "chosen_negatives, case"),
    (negatives.made(count=negatives.rounded_up), "a half box is none"),
    (negatives.made(count=negatives.rounded), "a half"),
    (negatives.made(count=negatives.whole_ratio), "chosen_negatives, case"),
    (negatives.made(count=negatives.not_rounded), "a half box is none"),
    (negatives.made(count=negatives.without_least), "at least `least` are chosen"),
    (negatives.made(count=negatives.least_added), "it is not added"),
    (negatives.made(count=negatives.least_alone), "images with objects, too"),
    (negatives.made(count=negatives.none_without_objects), "without objects, too"),
    (negatives.made(count=negatives.at_most_least), "the example"),
    (negatives.made(count=negatives.always_three), "`ratio` is not always 3"),
    (negatives.made(count=negatives.one_each), "`ratio` was not looked at"),
    (negatives.made(count=negatives.at_least_one), "an image without objects"),
    (negatives.made(count=negatives.mean_of_images), "chosen_negatives, case"),
    (negatives.of_all_images, "count and choose in each image"),
    (negatives.made(ranking=negatives.last_of_equals), "the lower index comes first"),
    (negatives.made(ranking=negatives.place_for_ranking), "chosen_negatives, case"),
    (negatives.made(finish=negatives.ties_too), "no more are chosen than allowed"),
    (negatives.made(finish=negatives.objects_too), "objects are not"),
    (negatives.made(finish=negatives.turned), "True marks what is chosen"),
    (negatives.made(finish=negatives.as_indices), "expected shape (1, 5)"),
    (negatives.made(finish=negatives.as_floats), "expected values of torch.bool"),
    (negatives.made(finish=negatives.as_costs), "expected shape (1, 5)"),
    (negatives.made(finish=negatives.first_image), "received (5,)"),
    (negatives.in_place, "changed its input in place"),
    (negatives.by_torchvision, "compute_loss is switched off"),
    (negatives.by_library, "hard_negatives is switched off"),
    (
        cheats.returns(torch.tensor([[False, True, True, False, False]])),
        "three to one",
    ),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
]
