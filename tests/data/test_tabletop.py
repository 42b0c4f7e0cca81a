"""The tabletop's pictures and the truth of their pixels."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from course_utils.data.tabletop import (
    CLASS_NAMES,
    FAR,
    SEMANTIC_NAMES,
    VOID,
    Tabletop,
    make_scene,
    render,
)

MAPS = ("masks", "semantic", "panoptic", "depth", "normals", "camera")


@pytest.fixture(scope="module")
def items():
    dataset = Tabletop(12, truth=MAPS)
    return [dataset[i] for i in range(12)]


def test_items_have_the_agreed_types_and_shapes(items):
    for image, target in items:
        count = len(target["labels"])
        assert isinstance(image, tv_tensors.Image)
        assert image.shape == (3, 128, 128)
        assert image.dtype == torch.float32
        assert 0 <= image.min() < image.max() <= 1
        assert isinstance(target["boxes"], tv_tensors.BoundingBoxes)
        assert target["boxes"].shape == (count, 4)
        assert target["labels"].dtype == torch.int64
        assert isinstance(target["masks"], tv_tensors.Mask)
        assert target["masks"].shape == (count, 128, 128)
        assert target["semantic"].shape == (128, 128)


def test_every_class_appears_with_its_label():
    dataset = Tabletop(30, truth=())
    labels = torch.cat([dataset[i][1]["labels"] for i in range(30)])
    assert set(labels.tolist()) == set(range(1, len(CLASS_NAMES)))
    scene = dataset.scene(3)
    assert [solid.name for solid in scene.solids] == [
        CLASS_NAMES[solid.label] for solid in scene.solids
    ]


def test_boxes_are_tight_to_the_pixel(items):
    for _, target in items:
        for box, mask in zip(target["boxes"].tolist(), target["masks"], strict=True):
            pixels = [(r, c) for r, c in mask.nonzero().tolist()]
            rows, columns = zip(*pixels, strict=True)
            tight = [min(columns), min(rows), max(columns) + 1, max(rows) + 1]
            assert box == tight


def test_masks_do_not_overlap_and_agree_with_both_maps(items):
    for _, target in items:
        masks, labels = target["masks"], target["labels"]
        classes, ids = target["panoptic"]
        assert masks.sum(dim=0).max() <= 1
        for number, (mask, label) in enumerate(zip(masks, labels, strict=True)):
            assert (target["semantic"][mask] == label).all()
            assert (classes[mask] == label).all()
            assert torch.equal(ids == number + 1, mask)
        stuff = ~masks.any(dim=0) & (classes != VOID)
        names = {SEMANTIC_NAMES[int(i)] for i in target["semantic"][stuff].unique()}
        assert names <= {"floor", "wall", "sky"}


def test_solids_too_hidden_to_label_stay_in_the_picture():
    found = 0
    for seed in range(40):
        rendering = render(make_scene(seed, min_solids=8))
        seen = np.unique(rendering.hits.index)
        for number in seen[seen >= 0]:
            mask = rendering.hits.index == number
            whole = rendering.hits.silhouettes[number].sum()
            enough = mask.sum() >= 0.002 * 128**2 and mask.sum() >= 0.3 * whole
            assert (number in rendering.labelled) == enough
            if not enough:
                found += 1
                assert (rendering.panoptic[0][mask] == VOID).all()
                label = rendering.scene.solids[number].label
                assert (rendering.semantic[mask] == label).all()
    assert found > 0


def test_normals_are_unit_and_face_the_camera(items):
    for _, target in items:
        normals, depth = target["normals"].double(), target["depth"].double()
        assert torch.allclose(normals.norm(dim=0), torch.ones(()).double(), atol=1e-6)
        k = target["camera"]["K"].double()
        rows, columns = torch.meshgrid(
            torch.arange(128), torch.arange(128), indexing="ij"
        )
        x = (columns + 0.5 - k[0, 2]) / k[0, 0]
        y = (rows + 0.5 - k[1, 2]) / k[1, 1]
        rays = torch.stack([x, y, torch.ones_like(x)])
        facing = (normals * rays).sum(dim=0)
        assert (facing[depth < FAR] < 1e-6).all()


def test_depth_puts_the_floor_at_height_zero_and_solids_above_it(items):
    for _, target in items:
        camera = {name: part.double() for name, part in target["camera"].items()}
        rows, columns = torch.meshgrid(
            torch.arange(128), torch.arange(128), indexing="ij"
        )
        pixels = torch.stack([columns + 0.5, rows + 0.5, torch.ones(128, 128)]).double()
        rays = torch.einsum("ij,jhw->ihw", camera["K"].inverse(), pixels)
        points = rays * target["depth"] - camera["t"][:, None, None]
        height = torch.einsum("ji,jhw->ihw", camera["R"], points)[2]
        floor = target["semantic"] == SEMANTIC_NAMES.index("floor")
        assert height[floor].abs().max() < 1e-4
        assert height[target["masks"].any(dim=0)].min() > -1e-4


def digest() -> str:
    """A fingerprint of pictures, boxes and labels."""
    code = hashlib.sha256()
    dataset = Tabletop(6, seed=7, size=64)
    for index in range(6):
        rendering = dataset.rendering(index)
        for part in (rendering.image, rendering.boxes, rendering.labels):
            code.update(np.ascontiguousarray(part).tobytes())
    return code.hexdigest()


def test_another_process_makes_the_same_bytes():
    program = "from test_tabletop import digest; print(digest())"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    )
    assert result.stdout.strip() == digest()


def test_the_bytes_are_those_of_every_machine():
    # Changes only when the world itself is changed on purpose.
    assert digest()[:16] == "1a8270dec31f7bd4"


def test_splits_seeds_and_items_share_no_picture():
    pictures = [
        Tabletop(3, split=split, seed=seed, size=32).rendering(i).image.tobytes()
        for split in ("train", "test")
        for seed in (0, 1)
        for i in range(3)
    ]
    assert len(set(pictures)) == len(pictures)


def test_an_item_does_not_depend_on_the_length():
    assert torch.equal(Tabletop(2)[1][0], Tabletop(200)[1][0])
    assert torch.equal(Tabletop(2)[-1][0], Tabletop(2)[1][0])
    with pytest.raises(IndexError):
        Tabletop(2)[2]


def test_a_flip_moves_boxes_with_masks():
    dataset = Tabletop(4, truth=MAPS, transforms=v2.RandomHorizontalFlip(p=1.0))
    for index in range(4):
        image, target = dataset[index]
        plain_image, plain = Tabletop(4, truth=MAPS)[index]
        assert torch.equal(image, plain_image.flip(-1))
        assert torch.equal(target["semantic"], plain["semantic"].flip(-1))
        for box, mask in zip(target["boxes"].tolist(), target["masks"], strict=True):
            columns = mask.any(dim=0).nonzero().flatten()
            assert box[0::2] == [columns[0], columns[-1] + 1]


def test_crops_drop_what_they_cut_away():
    crop = v2.Compose([v2.CenterCrop(48), v2.SanitizeBoundingBoxes(min_size=4)])
    for index in range(6):
        image, target = crop(*Tabletop(6, truth=("masks",))[index])
        assert image.shape == (3, 48, 48)
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"])
