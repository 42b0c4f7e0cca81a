"""Sizes, numbers of solids, and settings that are refused."""

import numpy as np
import pytest
import torch

from course_utils.data.tabletop import TRUTHS, Tabletop, make_scene, render


@pytest.mark.parametrize("size", [16, 64, 101, 200])
def test_any_size_shows_the_same_scene(size):
    image, target = Tabletop(1, size=size, max_solids=1, truth=TRUTHS)[0]
    assert image.shape == (3, size, size)
    assert target["depth"].shape == (size, size)
    large = Tabletop(1, size=256, max_solids=1)[0][1]
    scaled = large["boxes"] * (size / 256)
    assert torch.allclose(target["boxes"].as_subclass(torch.Tensor), scaled, atol=1.5)


def test_solids_stand_apart_on_the_floor():
    for seed in range(15):
        solids = make_scene(seed, min_solids=6).solids
        for a in solids:
            points = a.to_world(a.surface.mesh().vertices.T)
            assert abs(points[2].min()) < 2e-6
            for b in solids:
                if a is not b:
                    assert b.surface.distance(b.to_object(points)).min() > 0


def test_the_number_of_solids_and_their_classes_can_be_chosen():
    scenes = [
        make_scene(seed, min_solids=2, max_solids=3, classes=("chair", "torus"))
        for seed in range(10)
    ]
    assert {len(scene.solids) for scene in scenes} == {2, 3}
    names = {solid.name for scene in scenes for solid in scene.solids}
    assert names == {"chair", "torus"}


def test_a_scale_makes_the_same_solids_smaller():
    for seed in range(5):
        usual = make_scene(seed, max_solids=1).solids[0]
        small = make_scene(seed, max_solids=1, scale=0.5).solids[0]
        assert (small.label, small.place, small.color) == (
            usual.label,
            usual.place,
            usual.color,
        )
        expected = np.array(usual.surface.half_extents) / 2
        assert np.allclose(small.surface.half_extents, expected, atol=1e-5)


def mean_distance(**settings) -> float:
    """How far the solids of a scene lie from each other, in metres."""
    distances = []
    for seed in range(30):
        scene = make_scene(seed, min_solids=5, scale=0.5, **settings)
        places = np.array([solid.place for solid in scene.solids])
        offsets = places[:, None] - places
        distances.append(np.hypot(*offsets.transpose(2, 0, 1)).mean())
    return float(np.mean(distances))


def test_groups_stand_closer_together():
    spread, two, one = mean_distance(), mean_distance(groups=2), mean_distance(groups=1)
    assert one < 0.5 < two < 0.8 * spread
    for seed in range(10):
        scene = make_scene(seed, groups=1, scale=0.5, min_solids=5)
        places = np.array([solid.place for solid in scene.solids])
        assert (np.ptp(places, axis=0) <= 0.8).all()


def test_small_objects_in_groups_share_cells_of_a_grid():
    """What they are for: YOLO's 7 x 7 grid has one class for each cell."""

    def share_lost(**settings):
        dataset = Tabletop(40, split="test", truth=(), min_solids=5, **settings)
        boxes = [dataset[i][1]["boxes"].as_subclass(torch.Tensor) for i in range(40)]
        cells = [((b[:, :2] + b[:, 2:]) / 2 * 7 / 128).floor() for b in boxes]
        count = sum(map(len, boxes))
        return 1 - sum(len(each.unique(dim=0)) for each in cells) / count

    assert share_lost(scale=0.5, groups=2) > 2 * share_lost(scale=0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": -1}, "length=-1"),
        ({"split": "val"}, "split='val'"),
        ({"size": 8}, "size=8"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"truth": ("masks", "flow")}, "flow"),
        ({"truth": "masks"}, "expected a tuple"),
        ({"min_solids": 0}, "min_solids=0"),
        ({"max_solids": 9}, "max_solids=9"),
        ({"min_solids": 4, "max_solids": 3}, "min_solids=4"),
        ({"classes": ("sphere", "lamp")}, "lamp"),
        ({"classes": ()}, "empty"),
        ({"scale": 0.1}, "scale=0.1"),
        ({"scale": 1.5}, "scale=1.5"),
        ({"groups": -1}, "groups=-1"),
        ({"grid": 0}, "grid=0"),
        ({"points": -1}, "points=-1"),
    ],
)
def test_bad_settings_are_refused_with_their_value(settings, message):
    with pytest.raises(ValueError, match=message):
        Tabletop(**({"length": 3} | settings))


def test_a_seed_may_be_a_number_of_numpy():
    assert make_scene(np.int64(3)).seed == make_scene(3).seed == (3,)


def test_bad_seeds_and_sizes_are_refused():
    with pytest.raises(ValueError, match="seed"):
        make_scene(-3)
    with pytest.raises(ValueError, match="seed"):
        make_scene(())
    with pytest.raises(ValueError, match="size=4"):
        render(make_scene(0), 4)


def test_no_scenes_is_a_dataset_too():
    assert len(Tabletop(0)) == 0
