"""The tabletop's closed forms, meshes, voxels, samples and keypoints."""

import numpy as np
import pytest
import torch
import trimesh

from course_utils.data.tabletop import CLASS_NAMES, KEYPOINT_NAMES, Tabletop
from course_utils.data.tabletop.boxes import chair, cube, table
from course_utils.data.tabletop.keypoints import VISIBLE, object_keypoints
from course_utils.data.tabletop.make import make_scene
from course_utils.data.tabletop.surfaces import Cone, Cylinder, Sphere
from course_utils.data.tabletop.torus import Torus

SURFACES = {
    "sphere": Sphere(0.4),
    "cube": cube(0.6),
    "cylinder": Cylinder(0.3, 0.9),
    "cone": Cone(0.4, 0.8),
    "torus": Torus(0.36, 0.12),
    "chair": chair(0.56, 0.5, 1.1, 0.1),
    "table": table(1.0, 0.68, 0.62, 0.11),
}
VOLUMES = {
    "sphere": 4 / 3 * np.pi * 0.4**3,
    "cube": 0.6**3,
    "cylinder": np.pi * 0.3**2 * 0.9,
    "cone": np.pi * 0.4**2 * 0.8 / 3,
    "torus": 2 * np.pi**2 * 0.36 * 0.12**2,
    "chair": 4 * 0.1**2 * (0.506 - 0.08)
    + 0.56 * 0.5 * 0.08
    + 2 * 0.1**2 * (1.1 - 0.506)
    + 0.36 * 0.1 * (0.1 + 0.16) * 1.1,
    "table": 4 * 0.11**2 * (0.62 - 0.088) + 1.0 * 0.68 * 0.088,
}
# Vertices - edges + faces: 2 less 2 for every hole that one can look through. A chair's
# back has two; the space between legs is open, so a table has none.
EULER = dict.fromkeys(SURFACES, 2) | {"torus": 0, "chair": -2}
KINDS = pytest.mark.parametrize("kind", SURFACES)


def rays(count, seed=0):
    """Rays from a sphere of 3 metres toward points near the solid."""
    generator = np.random.default_rng(seed)
    origin = generator.normal(size=(3, count))
    origin *= 3 / np.linalg.norm(origin, axis=0)
    return origin, generator.uniform(-0.5, 0.5, size=(3, count)) - origin


@KINDS
def test_a_mesh_is_watertight_faces_outward_and_has_its_holes(kind):
    mesh = trimesh.Trimesh(*SURFACES[kind].mesh(), process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(VOLUMES[kind], rel=0.012)
    assert mesh.euler_number == EULER[kind]
    assert mesh.area_faces.min() > 0
    half = np.array(SURFACES[kind].half_extents)
    assert np.allclose(mesh.bounds, [-half, half], atol=2e-6)


@KINDS
def test_a_ray_stops_at_the_first_point_of_the_surface(kind):
    surface = SURFACES[kind]
    origin, direction = rays(800)
    t = surface.intersect(origin, direction)
    hit = np.isfinite(t)
    assert 50 < hit.sum() < 800
    points = origin[:, hit] + t[hit] * direction[:, hit]
    assert np.abs(surface.distance(points)).max() < 1e-6
    # Walk along every ray: before its hit, or anywhere if it has none, it is outside.
    reach = np.where(hit, t, 2.0)
    for part in np.linspace(0, 1, 301)[:-1]:
        assert surface.distance(origin + part * reach * direction).min() > -2e-4


@KINDS
def test_normals_are_the_slope_of_the_distance(kind):
    surface = SURFACES[kind]
    origin, direction = rays(400, seed=1)
    t = surface.intersect(origin, direction)
    hit = np.isfinite(t)
    points = origin[:, hit] + t[hit] * direction[:, hit]
    normals = surface.normal(points)
    step = 1e-6
    slope = np.stack(
        [
            (surface.distance(points + e) - surface.distance(points - e)) / (2 * step)
            for e in np.eye(3)[:, :, None] * step
        ]
    )
    assert np.abs(normals - slope).max() < 1e-3
    assert ((normals * direction[:, hit]).sum(axis=0) < 0).all()


@KINDS
def test_samples_lie_on_the_surface_and_spread_evenly(kind):
    dataset = Tabletop(
        3, truth=("samples", "pose", "surfaces"), classes=(kind,), max_solids=2
    )
    for index in range(3):
        target = dataset[index][1]
        assert target["samples"]["points"].shape == (len(target["labels"]), 1024, 3)
        for number, surface in enumerate(target["surfaces"]):
            turn, shift = (target["pose"][name][number].double() for name in "Rt")
            points = (target["samples"]["points"][number].double() - shift) @ turn
            normals = target["samples"]["normals"][number].double() @ turn
            assert np.abs(surface.distance(points.T.numpy())).max() < 1e-5
            assert torch.allclose(normals.norm(dim=1), torch.ones(1024).double())
            mesh = trimesh.Trimesh(*surface.mesh(), process=False)
            centers = (mesh.triangles_center * mesh.area_faces[:, None]).sum(0)
            center = centers / mesh.area
            assert np.allclose(points.mean(dim=0), center, atol=0.06)


@KINDS
def test_voxels_fill_the_volume(kind):
    dataset = Tabletop(3, truth=("voxels", "surfaces"), classes=(kind,), grid=32)
    target = dataset[0][1]
    for voxels, surface in zip(target["voxels"], target["surfaces"], strict=True):
        side = 2 * max(surface.half_extents) / 32
        volume = trimesh.Trimesh(*surface.mesh(), process=False).volume
        assert int(voxels.sum()) * side**3 == pytest.approx(volume, rel=0.2)
        half = np.array(surface.half_extents)
        full = voxels.nonzero().numpy()
        low, high = full.min(axis=0), full.max(axis=0) + 1
        # The tip of a cone is thinner than a voxel, so up to 3 of them stay empty.
        assert np.allclose((low + high) / 2, 16, atol=1.51)
        assert np.allclose((high - low) * side, 2 * half, atol=3.01 * side)


def test_the_middle_of_a_torus_is_empty():
    voxels = Tabletop(1, truth=("voxels",), classes=("torus",))[0][1]["voxels"]
    assert not voxels[:, 12, 12, 12].any()
    assert voxels[:, 12, 12, :].any(dim=1).all()


@KINDS
def test_keypoints_are_named_and_lie_on_the_surface(kind):
    for seed in range(3):
        for solid in make_scene(seed, classes=(kind,)).solids:
            points = object_keypoints(solid)
            assert len(points) == len(KEYPOINT_NAMES[kind])
            assert np.abs(solid.surface.distance(points.T)).max() < 2e-6
            assert len(np.unique(points.round(5), axis=0)) == len(points)


def test_keypoint_names_mean_what_they_say():
    for kind, names in KEYPOINT_NAMES.items():
        points = object_keypoints(make_scene(0, classes=(kind,)).solids[0])
        for name, (x, y, z) in zip(names, points, strict=True):
            assert "left" not in name or x < 0
            assert "right" not in name or x > 0
            assert "front" not in name or y < 0
            assert "foot" not in name or z == points[:, 2].min()
            assert name not in ("top", "apex") or z == points[:, 2].max()


def test_visible_keypoints_touch_their_mask_and_hidden_ones_exist():
    states = []
    for index in range(8):
        dataset = Tabletop(8, size=200, truth=("keypoints", "masks"))
        target = dataset[index][1]
        states += target["keypoint_visibility"].flatten().tolist()
        for number, mask in enumerate(target["masks"].bool()):
            wide = torch.nn.functional.max_pool2d(mask[None].float(), 5, 1, 2)[0]
            shown = target["keypoint_visibility"][number] == VISIBLE
            for x, y in target["keypoints"][number][shown].tolist():
                assert wide[int(y), int(x)] == 1
    assert {0, 1, 2} == set(states)


def test_pose_and_camera_lead_to_the_same_place():
    target = Tabletop(1, truth=("pose", "camera", "meshes"))[0][1]
    turn = target["pose"]["R"]
    assert torch.allclose(turn @ turn.mT, torch.eye(3), atol=1e-6)
    assert torch.allclose(torch.linalg.det(turn), torch.ones(len(turn)), atol=1e-6)
    for mesh, shift in zip(target["meshes"], target["pose"]["t"], strict=True):
        low, high = mesh["vertices"].amin(0), mesh["vertices"].amax(0)
        assert torch.allclose((low + high) / 2, shift, atol=0.2)


def test_relations_and_captions_fit_the_places():
    dataset = Tabletop(6, truth=("relations", "pose", "captions"))
    for index in range(6):
        target = dataset[index][1]
        related, x = target["relations"], target["pose"]["t"][:, 0]
        assert torch.equal(related["left of"], related["right of"].T)
        assert torch.equal(related["in front of"], related["behind"].T)
        assert not (related["left of"] & related["right of"]).any()
        assert torch.equal(related["left of"], x[None, :] - x[:, None] > 0.1)
        assert len(target["captions"]) == len(target["labels"])
        for caption, label in zip(target["captions"], target["labels"], strict=True):
            assert CLASS_NAMES[label] in caption
