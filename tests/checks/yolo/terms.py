"""Answers to the task size_and_confidence_terms, right ones first."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Parts = dict[str, Tensor]
Term = Callable[[Parts], Any]


def terms_in_loops(
    roots: Tensor,
    confidences: Tensor,
    sizes: Tensor,
    iou: Tensor,
    is_responsible: Tensor,
    *,
    coord_weight: float,
    noobj_weight: float,
    ignore_above: float,
) -> tuple[Tensor, Tensor]:
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


def terms_by_index(
    roots: Tensor,
    confidences: Tensor,
    sizes: Tensor,
    iou: Tensor,
    is_responsible: Tensor,
    *,
    coord_weight: float,
    noobj_weight: float,
    ignore_above: float,
) -> list[Tensor]:
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


def terms_by_masks(
    roots: Tensor,
    confidences: Tensor,
    sizes: Tensor,
    iou: Tensor,
    is_responsible: Tensor,
    *,
    coord_weight: float,
    noobj_weight: float,
    ignore_above: float,
) -> tuple[Tensor, Tensor]:
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


def put_together(first: Term, second: Term) -> Any:
    """An answer from two functions of the tensors and the weights."""

    def answer(*tensors: Tensor, **weights: float) -> Any:
        names = ("roots", "sure", "sizes", "iou", "mine")
        p = dict(zip(names, tensors, strict=True))
        p |= {name: torch.tensor(float(value)) for name, value in weights.items()}
        p["images"] = torch.tensor(len(p["roots"]))
        p["others"] = ~p["mine"] & (p["iou"] <= p["ignore_above"])
        p["true"] = p["sizes"][:, :, None].expand_as(p["roots"])[p["mine"]]
        return first(p), second(p)

    return answer


def weight_of(p: Parts) -> Tensor:
    return 2 - p["true"].prod(1)


def errors(p: Parts) -> Tensor:
    return ((p["roots"][p["mine"]] - p["true"].sqrt()) ** 2).sum(1)


def size_term(p: Parts) -> Tensor:
    return p["coord_weight"] * (weight_of(p) * errors(p)).sum() / p["images"]


def of_owners(p: Parts) -> Tensor:
    target = p["iou"].detach()
    return ((p["sure"] - target)[p["mine"]] ** 2).sum()


def of_others(p: Parts) -> Tensor:
    return (p["sure"][p["others"]] ** 2).sum()


def confidence_term(p: Parts) -> Tensor:
    return (of_owners(p) + p["noobj_weight"] * of_others(p)) / p["images"]


def with_size_term(first: Term) -> Any:
    answer = put_together(first, confidence_term)
    answer.__name__ = first.__name__
    return answer


def with_confidence_term(second: Term) -> Any:
    answer = put_together(size_term, second)
    answer.__name__ = second.__name__
    return answer


def weighed_alike(p: Parts) -> Tensor:
    return p["coord_weight"] * errors(p).sum() / p["images"]


def weighed_by_area(p: Parts) -> Tensor:
    area = p["true"].prod(1)
    return p["coord_weight"] * (area * errors(p)).sum() / p["images"]


def two_plus_area(p: Parts) -> Tensor:
    area = p["true"].prod(1)
    return p["coord_weight"] * ((2 + area) * errors(p)).sum() / p["images"]


def one_minus_area(p: Parts) -> Tensor:
    area = p["true"].prod(1)
    return p["coord_weight"] * ((1 - area) * errors(p)).sum() / p["images"]


def sizes_as_roots(p: Parts) -> Tensor:
    error = ((p["roots"][p["mine"]] - p["true"]) ** 2).sum(1)
    return p["coord_weight"] * (weight_of(p) * error).sum() / p["images"]


def squares_with_sizes(p: Parts) -> Tensor:
    error = ((p["roots"][p["mine"]] ** 2 - p["true"]) ** 2).sum(1)
    return p["coord_weight"] * (weight_of(p) * error).sum() / p["images"]


def roots_of_roots(p: Parts) -> Tensor:
    """The paper's formula as it stands, on numbers that may be negative."""
    error = ((p["roots"][p["mine"]].sqrt() - p["true"].sqrt()) ** 2).sum(1)
    return p["coord_weight"] * (weight_of(p) * error).sum() / p["images"]


def absolute(p: Parts) -> Tensor:
    error = (p["roots"][p["mine"]] - p["true"].sqrt()).abs().sum(1)
    return p["coord_weight"] * (weight_of(p) * error).sum() / p["images"]


def averaged(p: Parts) -> Tensor:
    return size_term(p) / 2


def of_object_cells(p: Parts) -> Tensor:
    """Both predictors of a cell with an object."""
    owned = p["mine"].any(2)
    true = p["sizes"][owned][:, None]
    error = ((p["roots"][owned] - true.sqrt()) ** 2).sum(2)
    return p["coord_weight"] * ((2 - true.prod(2)) * error).sum() / p["images"]


def size_not_divided(p: Parts) -> Tensor:
    return size_term(p) * p["images"]


def without_coord_weight(p: Parts) -> Tensor:
    return (weight_of(p) * errors(p)).sum() / p["images"]


def coord_weight_of_five(p: Parts) -> Tensor:
    return 5 * (weight_of(p) * errors(p)).sum() / p["images"]


def all_squares(p: Parts) -> Tensor:
    """A nan in the value: no rows are chosen."""
    true = p["sizes"][:, :, None]
    error = ((p["roots"] - true.sqrt()) ** 2).sum(3)
    weighed = (2 - true.prod(3)) * error * p["mine"]
    return p["coord_weight"] * weighed.sum() / p["images"]


def hidden_by_where(p: Parts) -> Tensor:
    """No nan in the value, but one in the gradient."""
    true = p["sizes"][:, :, None]
    error = ((2 - true.prod(3)) * ((p["roots"] - true.sqrt()) ** 2).sum(3)).where(
        p["mine"], 0
    )
    return p["coord_weight"] * error.sum() / p["images"]


def detached(p: Parts) -> Tensor:
    return size_term(p | {"roots": p["roots"].detach()})


def size_as_number(p: Parts) -> float:
    return float(size_term(p))


def by_torch(p: Parts) -> Tensor:
    return F.mse_loss(p["roots"][p["mine"]], p["true"].sqrt(), reduction="sum")


def target_of_one(p: Parts) -> Tensor:
    owners = ((p["sure"][p["mine"]] - 1) ** 2).sum()
    return (owners + p["noobj_weight"] * of_others(p)) / p["images"]


def none_ignored(p: Parts) -> Tensor:
    others = (p["sure"][~p["mine"]] ** 2).sum()
    return (of_owners(p) + p["noobj_weight"] * others) / p["images"]


def owners_alone(p: Parts) -> Tensor:
    return of_owners(p) / p["images"]


def empty_cells_alone(p: Parts) -> Tensor:
    empty = p["others"] & ~p["mine"].any(2, keepdim=True)
    others = (p["sure"][empty] ** 2).sum()
    return (of_owners(p) + p["noobj_weight"] * others) / p["images"]


def ignored_at_the_threshold(p: Parts) -> Tensor:
    chosen = ~p["mine"] & (p["iou"] < p["ignore_above"])
    others = (p["sure"][chosen] ** 2).sum()
    return (of_owners(p) + p["noobj_weight"] * others) / p["images"]


def the_ignored_alone(p: Parts) -> Tensor:
    chosen = ~p["mine"] & (p["iou"] > p["ignore_above"])
    others = (p["sure"][chosen] ** 2).sum()
    return (of_owners(p) + p["noobj_weight"] * others) / p["images"]


def responsible_ignored(p: Parts) -> Tensor:
    mine = p["mine"] & (p["iou"] <= p["ignore_above"])
    owners = ((p["sure"] - p["iou"].detach())[mine] ** 2).sum()
    return (owners + p["noobj_weight"] * of_others(p)) / p["images"]


def towards_the_iou(p: Parts) -> Tensor:
    error = (p["sure"] - p["iou"].detach())[p["others"]] ** 2
    return (of_owners(p) + p["noobj_weight"] * error.sum()) / p["images"]


def without_noobj_weight(p: Parts) -> Tensor:
    return (of_owners(p) + of_others(p)) / p["images"]


def noobj_weight_on_all(p: Parts) -> Tensor:
    return p["noobj_weight"] * (of_owners(p) + of_others(p)) / p["images"]


def threshold_of_v2(p: Parts) -> Tensor:
    chosen = ~p["mine"] & (p["iou"] <= 0.6)
    others = (p["sure"][chosen] ** 2).sum()
    return (of_owners(p) + p["noobj_weight"] * others) / p["images"]


def through_the_iou(p: Parts) -> Tensor:
    owners = ((p["sure"] - p["iou"])[p["mine"]] ** 2).sum()
    return (owners + p["noobj_weight"] * of_others(p)) / p["images"]


def detached_confidences(p: Parts) -> Tensor:
    """No gradient reaches what has to be trained."""
    other = p | {"sure": p["sure"].detach()}
    return confidence_term(other) + 0 * p["sure"].sum()


def detached_others(p: Parts) -> Tensor:
    others = (p["sure"][p["others"]] ** 2).sum().detach()
    return (of_owners(p) + p["noobj_weight"] * others) / p["images"]


def by_numpy(p: Parts) -> Tensor:
    return torch.from_numpy(confidence_term(p).detach().numpy().reshape(()))


def divided_by(count: Callable[[Parts], Tensor]) -> Any:
    """An answer with another divisor in both terms."""

    def first(p: Parts) -> Tensor:
        return size_term(p) * p["images"] / count(p)

    def second(p: Parts) -> Tensor:
        return confidence_term(p) * p["images"] / count(p)

    answer = put_together(first, second)
    answer.__name__ = f"divided_by_{count.__name__}"
    return answer


def nothing(p: Parts) -> Tensor:
    return torch.tensor(1)


def objects(p: Parts) -> Tensor:
    return p["mine"].sum().clamp(min=1)


def predictors(p: Parts) -> Tensor:
    return torch.tensor(max(p["mine"].numel(), 1))


def cells(p: Parts) -> Tensor:
    return torch.tensor(max(p["sizes"].numel() // 2, 1))


def coord_weight_on_both(*tensors: Tensor, **weights: float) -> Any:
    first, second = put_together(size_term, confidence_term)(*tensors, **weights)
    return first, weights["coord_weight"] * second


def swapped(*tensors: Tensor, **weights: float) -> Any:
    return put_together(confidence_term, size_term)(*tensors, **weights)


def added(*tensors: Tensor, **weights: float) -> Any:
    return sum(put_together(size_term, confidence_term)(*tensors, **weights))


def by_image(*tensors: Tensor, **weights: float) -> Any:
    """One value an image."""
    answer = put_together(size_term, confidence_term)
    rows = [
        torch.stack(answer(*(one[b : b + 1] for one in tensors), **weights))
        for b in range(len(tensors[0]))
    ]
    return torch.stack(rows).unbind(1)


def in_place(*tensors: Tensor, **weights: float) -> Any:
    terms = put_together(size_term, confidence_term)(*tensors, **weights)
    with torch.no_grad():
        tensors[2].nan_to_num_()
    return terms
