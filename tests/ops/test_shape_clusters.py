"""k-means over shapes: what it finds, what it does not depend on, and bad input."""

import pytest
import torch
from torch import Tensor

from course_utils.ops.boxes import box_iou
from course_utils.ops.shape_clusters import (
    in_order,
    kmeans_shapes,
    mean_best_iou,
    move_centres,
    shape_iou,
    spread_out,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_shapes(count: int, seed: int = 0) -> Tensor:
    return 5 + 60 * torch.rand(count, 2, generator=seeded(seed))


def three_groups() -> tuple[Tensor, Tensor]:
    centres = torch.tensor([[10.0, 20.0], [40.0, 20.0], [60.0, 90.0]])
    noise = 1 + 0.05 * (torch.rand(3, 50, 2, generator=seeded(7)) - 0.5)
    return centres, (centres[:, None] * noise).flatten(0, 1)


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (1, 1), (7, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_iou_is_that_of_boxes_on_one_corner(n, m, dtype):
    a, b = random_shapes(n, 1).to(dtype), random_shapes(m, 2).to(dtype)
    boxes = [torch.cat([torch.zeros_like(each), each], dim=1) for each in (a, b)]
    torch.testing.assert_close(shape_iou(a, b), box_iou(*boxes))


def test_iou_by_hand():
    iou = shape_iou(torch.tensor([[2.0, 4.0]]), torch.tensor([[2.0, 4.0], [4.0, 2.0]]))
    assert iou.tolist() == [[1.0, pytest.approx(1 / 3)]]


def test_three_groups_are_found():
    centres, shapes = three_groups()
    for seed in range(10):
        found = kmeans_shapes(shapes, 3, generator=seeded(seed))
        means = torch.stack([each.mean(dim=0) for each in shapes.split(50)])
        torch.testing.assert_close(found, in_order(means), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found, in_order(centres), rtol=0.05, atol=0)


def test_the_mean_best_iou_rises_with_k():
    shapes = random_shapes(400)
    qualities = [
        mean_best_iou(shapes, kmeans_shapes(shapes, k, generator=seeded()))
        for k in (1, 2, 3, 5, 8, 13, 400)
    ]
    assert qualities == sorted(qualities)
    assert qualities[-1] == pytest.approx(1.0)


def test_steps_do_not_make_it_worse():
    shapes = random_shapes(300)
    for k in (2, 5, 9):
        qualities = [
            mean_best_iou(shapes, kmeans_shapes(shapes, k, generator=seeded(), steps=n))
            for n in (0, 1, 3, 100)
        ]
        assert qualities == sorted(qualities)
        assert qualities[-1] > qualities[0]


def test_the_order_of_the_shapes_does_not_matter():
    shapes = random_shapes(200)
    found = kmeans_shapes(shapes, 5, generator=seeded(3))
    for seed in range(3):
        mixed = shapes[torch.randperm(200, generator=seeded(seed))]
        assert torch.equal(kmeans_shapes(mixed, 5, generator=seeded(3)), found)


def test_one_step_equals_a_loop():
    shapes, centres = random_shapes(100), random_shapes(6, seed=5)
    owner = shape_iou(shapes, centres).argmax(dim=1).tolist()
    assert set(owner) == set(range(6))
    for place, moved in enumerate(move_centres(shapes, centres)):
        mine = [shape for shape, own in zip(shapes, owner, strict=True) if own == place]
        torch.testing.assert_close(moved, torch.stack(mine).mean(dim=0))


def test_empty_clusters_start_from_what_is_covered_worst():
    shapes = torch.tensor([[10.0, 10.0], [10.0, 11.0], [40.0, 40.0], [10.0, 14.0]])
    centres = torch.tensor([[10.0, 10.0], [900.0, 900.0], [800.0, 800.0]])
    moved = move_centres(shapes, centres)
    assert moved.tolist() == [[17.5, 18.75], [40.0, 40.0], [10.0, 14.0]]


def test_seeds_are_different_shapes_as_long_as_there_are_some():
    shapes = torch.tensor([[10.0, 10.0]] * 50 + [[20.0, 5.0], [30.0, 30.0]])
    for seed in range(20):
        seeds = spread_out(shapes, 3, seeded(seed))
        assert len(seeds.unique(dim=0)) == 3


def test_results_are_sorted_by_area():
    found = kmeans_shapes(random_shapes(100), 7, generator=seeded())
    areas = found.prod(dim=1).tolist()
    assert areas == sorted(areas)


@pytest.mark.parametrize("k", [-1, 0, 3, 10])
def test_k_has_to_fit(k):
    shapes = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match=f"k is {k}, but 1 to 2 was expected"):
        kmeans_shapes(shapes, k, generator=seeded())


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (torch.ones(4), r"shape \(4,\), but \(N, 2\) was expected"),
        (torch.ones(4, 4), r"shape \(4, 4\), but \(N, 2\) was expected"),
        (torch.tensor([[1.0, 0.0]]), "not above 0"),
        (torch.tensor([[-1.0, 2.0]]), "not above 0"),
        (torch.tensor([[1.0, float("nan")]]), "not above 0"),
    ],
)
def test_bad_shapes(shapes, message):
    with pytest.raises(ValueError, match=message):
        kmeans_shapes(shapes, 1, generator=seeded())
