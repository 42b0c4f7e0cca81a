"""Answers to size_and_confidence_terms, and its oracle beside torch and the library."""

import cheats
import pytest
import torch
import torch.nn.functional as F

from course_utils.checks.yolo.size_and_confidence_terms import (
    CASES,
    random_case,
    slow_terms,
)
from course_utils.models.yolo import responsible_boxes, yolo_losses
from course_utils.ops.yolo_grid import GridTargets


def in_loops(
    roots,
    confidences,
    sizes,
    iou,
    is_responsible,
    *,
    coord_weight,
    noobj_weight,
    ignore_above,
):
    """One predictor after the other."""
    first, second = torch.zeros(()), torch.zeros(())
    for b in range(roots.shape[0]):
        for n in range(roots.shape[1]):
            for k in range(roots.shape[2]):
                sure, overlap = confidences[b, n, k], iou[b, n, k].item()
                if is_responsible[b, n, k]:
                    w, h = sizes[b, n].tolist()
                    r = roots[b, n, k]
                    error = (r[0] - w**0.5) ** 2 + (r[1] - h**0.5) ** 2
                    first = first + (2 - w * h) * error
                    second = second + (sure - overlap) ** 2
                elif overlap <= ignore_above:
                    second = second + noobj_weight * sure**2
    return coord_weight * first / len(roots), second / len(roots)


def by_index(
    roots,
    confidences,
    sizes,
    iou,
    is_responsible,
    *,
    coord_weight,
    noobj_weight,
    ignore_above,
):
    """Indices of the responsible predictors, without gradients where none belong."""
    with torch.no_grad():
        image, cell, k = torch.nonzero(is_responsible, as_tuple=True)
        true = sizes[image, cell]
        weight = coord_weight * (2 - true[:, 0] * true[:, 1])
        target = torch.zeros_like(iou)
        target[image, cell, k] = iou[image, cell, k]
        factor = torch.full_like(iou, noobj_weight)
        factor[iou > ignore_above] = 0
        factor[image, cell, k] = 1
    error = (roots[image, cell, k] - true.sqrt()).pow(2).sum(-1)
    second = (factor * (confidences - target).pow(2)).sum()
    return [(weight * error).sum() / len(roots), second / len(roots)]


def by_masks(
    roots,
    confidences,
    sizes,
    iou,
    is_responsible,
    *,
    coord_weight,
    noobj_weight,
    ignore_above,
):
    """Masks in float64; the nan are replaced before anything is computed."""
    mine = is_responsible.double()
    owned = is_responsible.any(2, keepdim=True)
    true = torch.where(owned, sizes, 1).detach().double()[:, :, None]  # (B, N, 1, 2)
    error = (roots.double() - true.sqrt()).square().sum(3)
    first = ((2 - true.prod(3)) * error * mine).sum(dim=(1, 2))
    target = iou.detach().double()
    sure = confidences.double()
    others = (1 - mine) * (target <= ignore_above)
    second = mine * (sure - target) ** 2 + noobj_weight * others * sure**2
    scale = 1 / roots.shape[0]
    return coord_weight * first.sum() * scale, second.sum() * scale


def squared(roots, sizes, mine):
    """The weighed errors of the responsible predictors."""
    true = sizes[:, :, None].expand_as(roots)[mine]
    return (2 - true.prod(1)) * ((roots[mine] - true.sqrt()) ** 2).sum(1)


def by_rows(
    *,
    errors=squared,
    sure=lambda confidences: confidences,
    quiet=lambda confidences: confidences,
    target=lambda iou: iou.detach(),
    limit=lambda ignore_above: ignore_above,
    coord=lambda coord_weight: coord_weight,
    finish=lambda first, second, images: (first / images, second / images),
):
    """An answer of a few lines of torch, as most learners write it."""

    def answer(
        roots,
        confidences,
        sizes,
        iou,
        mine,
        *,
        coord_weight,
        noobj_weight,
        ignore_above,
    ):
        first = coord(coord_weight) * errors(roots, sizes, mine).sum()
        owners = ((sure(confidences) - target(iou))[mine] ** 2).sum()
        is_other = ~mine & (iou <= limit(ignore_above))
        others = (quiet(confidences)[is_other] ** 2).sum()
        return finish(first, owners + noobj_weight * others, len(roots))

    return answer


def roots_of_roots(roots, sizes, mine):
    """The paper's formula as it stands, on numbers that may be negative."""
    true = sizes[:, :, None].expand_as(roots)[mine]
    return (2 - true.prod(1)) * ((roots[mine].sqrt() - true.sqrt()) ** 2).sum(1)


def all_squares(roots, sizes, mine):
    """A nan in the value: no rows are chosen."""
    true = sizes[:, :, None]
    return (2 - true.prod(3)) * ((roots - true.sqrt()) ** 2).sum(3) * mine


def hidden_by_where(roots, sizes, mine):
    """No nan in the value, but one in the gradient."""
    true = sizes[:, :, None]
    return ((2 - true.prod(3)) * ((roots - true.sqrt()) ** 2).sum(3)).where(mine, 0)


def detached_roots(roots, sizes, mine):
    return squared(roots.detach(), sizes, mine) + 0 * roots.sum()


def by_torch(roots, sizes, mine):
    true = sizes[:, :, None].expand_as(roots)[mine]
    return F.mse_loss(roots[mine], true.sqrt(), reduction="none").sum(1)


def detached(values):
    """No gradient reaches what has to be trained."""
    return values.detach() + 0 * values


def by_numpy(first, second, images):
    return first / images, torch.from_numpy((second / images).detach().numpy())


def by_image(*tensors, **weights):
    """One value an image."""
    images = [[one[b : b + 1] for one in tensors] for b in range(len(tensors[0]))]
    rows = [torch.stack(by_rows()(*image, **weights)) for image in images]
    return torch.stack(rows).unbind(1)


def in_place(*tensors, **weights):
    terms = by_rows()(*tensors, **weights)
    with torch.no_grad():
        tensors[2].nan_to_num_()
    return terms


RIGHT = [in_loops, by_index, by_masks, by_rows()]
WRONG = [
    (by_rows(errors=roots_of_roots), "size_and_confidence_terms, case"),
    (by_rows(errors=all_squares), "received nan"),
    (by_rows(errors=hidden_by_where), "keep the nan of a gradient"),
    (by_rows(errors=detached_roots), "no gradient arrives at the roots"),
    (by_rows(errors=by_torch), "mse_loss is switched off"),
    (by_rows(coord=lambda coord_weight: 5), "other weights"),
    (by_rows(limit=lambda ignore_above: 0.6), "size_and_confidence_terms, case"),
    (by_rows(target=lambda iou: iou), "`detach` it"),
    (by_rows(sure=detached, quiet=detached), "no gradient arrives at the confidences"),
    (by_rows(quiet=detached), "its gradient"),
    (by_rows(finish=by_numpy), "torch cannot differentiate"),
    (
        by_rows(finish=lambda first, second, images: (first, second / images)),
        "a batch of three images",
    ),
    (
        by_rows(finish=lambda first, second, images: (float(first), second)),
        "expected a tensor, received",
    ),
    (
        by_rows(finish=lambda first, second, images: (first + second) / images),
        "expected a tuple of 2",
    ),
    (by_image, "expected shape"),
    (in_place, "changed its input in place"),
    (
        cheats.returns((torch.tensor(1.2109375), torch.tensor(0.5))),
        "one cell, one predictor",
    ),
    (cheats.lying, "expected a tuple of 2"),
]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def given_and_found(given):
    """The tensors of one case, its weights, and what the oracle says."""
    weights = tuple(given.settings.values())
    return given.arguments, weights, slow_terms(*given.arguments, **given.settings)


def test_the_terms_agree_with_torch(generator):
    for given in [*CASES.values(), *(random_case(i, generator) for i in range(6))]:
        (roots, sure, sizes, iou, mine), weights, found = given_and_found(given)
        coord, noobj, ignore = weights
        true = sizes[:, :, None].expand_as(roots)[mine]
        error = F.mse_loss(roots[mine], true.sqrt(), reduction="none").sum(1)
        first = coord * (error * (2 - true.prod(1))).sum() / len(roots)
        target = torch.where(mine, iou, 0)
        weight = torch.where(mine, 1.0, noobj * (iou <= ignore))
        second = (weight * (sure - target) ** 2).sum() / len(roots)
        torch.testing.assert_close(found, (first, second))


def test_the_terms_without_changes_are_those_of_the_library(generator):
    answers = torch.rand(2, 3, 3, 2 * 5 + 4, generator=generator)
    is_object = torch.rand(2, 3, 3, generator=generator) < 0.5
    boxes = torch.rand(2, 3, 3, 4, generator=generator) * 0.5 + 0.2
    classes = torch.zeros(2, 3, 3, 4)
    losses = yolo_losses(
        answers, GridTargets(is_object, boxes, classes, torch.tensor([0, 0]))
    )
    said = answers[..., :10].unflatten(-1, (2, 5))
    squared = torch.cat([said[..., :2], said[..., 2:4] ** 2], dim=-1)
    index, iou = responsible_boxes(squared, boxes)
    mine = is_object[..., None] & (index[..., None] == torch.arange(2))
    given = (said[..., 2:4], said[..., 4], boxes[..., 2:], iou, mine)
    flat = tuple(one.flatten(1, 2) for one in given)
    first, second = slow_terms(
        *flat,
        coord_weight=5,
        noobj_weight=0.5,
        ignore_above=1,
        weight=lambda area: 1,
    )
    torch.testing.assert_close(first, losses["loss_wh"])
    torch.testing.assert_close(
        second, losses["loss_confidence"] + losses["loss_no_object"]
    )


def test_the_gradients_are_those_of_torch_by_rows(generator):
    for i in range(6):
        given = random_case(i, generator)
        slopes = []
        for terms in (slow_terms, by_rows()):
            roots, sure, sizes, iou, mine = (one.clone() for one in given.arguments)
            inner = (roots.requires_grad_(), sure.requires_grad_())
            found = terms(*inner, sizes, iou, mine, **given.settings)
            total = 2 * found[0] - 3 * found[1]
            slopes.append(torch.autograd.grad(total, inner))
        torch.testing.assert_close(*slopes)
