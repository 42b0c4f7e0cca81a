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
