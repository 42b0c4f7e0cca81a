"""Masks and depth of the rays beside those of the projected meshes."""

import numpy as np
import pytest

from course_utils.data.tabletop import CLASS_NAMES, Tabletop


def rasterize(vertices, faces, k, size):
    """Depth (S, S) of a camera-frame mesh: point-in-triangle tests, inf outside."""
    depth = np.full(size * size, np.inf)
    uv = vertices @ k.T
    corners, z = (uv[:, :2] / uv[:, 2:])[faces], vertices[faces][..., 2]
    low = np.floor(corners.min(axis=1)).astype(int)
    extent = np.ceil(corners.max(axis=1)).astype(int) - low
    group = np.ceil(np.log2(extent.max(axis=1).clip(1)))
    for power in np.unique(group):  # faces of like size share one grid of pixels
        part, side = group == power, int(2**power)
        grid = low[part][:, None] + np.argwhere(np.ones((side, side)))
        x, y = (grid + 0.5).transpose(2, 0, 1)  # (F, side * side)
        a, b, c = corners[part].transpose(1, 2, 0)[..., None]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        area = np.where(np.abs(area) < 1e-12, 1e-12, area)
        v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        # 1 / z, not z, is linear in the picture.
        z0, z1, z2 = 1 / z[part].T[..., None]
        inside = (v >= 0) & (w >= 0) & (v + w <= 1)
        inside &= (grid >= 0).all(axis=-1) & (grid < size).all(axis=-1)
        near = 1 / ((1 - v - w) * z0 + v * z1 + w * z2)[inside]
        columns, rows = grid[inside].T
        np.minimum.at(depth, rows * size + columns, near)
    return depth.reshape(size, size)


def rasterize_all(target, size):
    """Depth and number of the nearest mesh (S, S), inf and -1 where there is none."""
    depth, seen = np.full((size, size), np.inf), np.full((size, size), -1)
    k = target["camera"]["K"].double().numpy()
    for number, mesh in enumerate(target["meshes"]):
        vertices, faces = mesh["vertices"].double().numpy(), mesh["faces"].numpy()
        near = rasterize(vertices, faces, k, size)
        seen = np.where(near < depth, number, seen)
        depth = np.minimum(near, depth)
    return depth, seen


@pytest.mark.parametrize("size", [128, 200])
def test_masks_and_depth_agree_with_projected_meshes(size):
    dataset = Tabletop(
        6, size=size, truth=("masks", "depth", "meshes", "camera"), min_solids=3
    )
    checked = set()
    for index in range(6):
        target = dataset[index][1]
        if len(target["labels"]) < len(dataset.scene(index).solids):
            continue  # a solid without a label hides others and has no mesh here
        depth, seen = rasterize_all(target, size)
        for number, mask in enumerate(target["masks"].numpy()):
            drawn = seen == number
            assert (mask & drawn).sum() / (mask | drawn).sum() >= 0.97
            gap = np.abs(depth - target["depth"].numpy())[mask & drawn]
            assert np.median(gap) < 1e-3
            assert np.quantile(gap, 0.95) < 0.02
            checked.add(CLASS_NAMES[target["labels"][number]])
    assert checked == set(CLASS_NAMES[1:])


def test_a_flat_solid_has_the_depth_of_its_mesh_to_the_micrometre():
    dataset = Tabletop(
        3, truth=("masks", "depth", "meshes", "camera"), classes=("cube",), max_solids=1
    )
    for index in range(3):
        target = dataset[index][1]
        depth, seen = rasterize_all(target, 128)
        both = target["masks"][0].numpy() & (seen == 0)
        assert np.abs(depth - target["depth"].numpy())[both].max() < 1e-5
