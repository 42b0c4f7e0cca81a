"""What the writers write, read back by public readers."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.datasets import CocoDetection, VOCDetection, VOCSegmentation
from torchvision.transforms.functional import pil_to_tensor

from course_utils.data.tabletop import CLASS_NAMES, Tabletop
from course_utils.data.writers import (
    decode_rle,
    encode_rle,
    write_clevr,
    write_coco,
    write_voc,
)

# pycocotools 2.0.11 meets NumPy 2 with a warning of its own.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")

MASKS = {
    "empty": np.zeros((5, 7), bool),
    "full": np.ones((5, 7), bool),
    "one pixel": np.eye(1, 35, 12, dtype=bool).reshape(5, 7),
    "first pixel": np.eye(1, 35, 0, dtype=bool).reshape(5, 7),
    "last pixel": np.eye(1, 35, 34, dtype=bool).reshape(5, 7),
    "checks": np.indices((6, 9)).sum(0) % 2 == 0,
    "random": np.random.default_rng(0).random((40, 61)) < 0.5,
    "long runs": np.random.default_rng(1).random((400, 300)) < 0.0005,
}


@pytest.mark.parametrize("case", MASKS)
def test_rle_is_that_of_pycocotools(case):
    mask = MASKS[case]
    code = encode_rle(mask)
    theirs = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    assert code == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    assert np.array_equal(coco_mask.decode(code).astype(bool), mask)
    assert np.array_equal(decode_rle(code), mask)


def test_a_code_that_is_not_compressed_is_refused():
    with pytest.raises(ValueError, match="compressed"):
        decode_rle({"size": [2, 2], "counts": [1, 3]})


@pytest.fixture(scope="module")
def dataset():
    return Tabletop(5, size=96, truth=("masks",))


def test_voc_comes_back_with_torchvision(dataset, tmp_path):
    write_voc(dataset, tmp_path)
    read = VOCDetection(str(tmp_path), year="2012", image_set="train")
    assert len(read) == 5
    for index, (picture, tree) in enumerate(read):
        image, target = dataset[index]
        assert picture.size == (96, 96)
        # JPEG is not exact, but near.
        pixels = pil_to_tensor(picture).float() / 255
        assert (pixels - image).abs().mean() < 0.03
        annotation = tree["annotation"]
        assert annotation["size"] == {"width": "96", "height": "96", "depth": "3"}
        objects = annotation.get("object", [])
        assert len(objects) == len(target["labels"])
        for item, box, label in zip(
            objects, target["boxes"].tolist(), target["labels"], strict=True
        ):
            corner = {name: int(text) for name, text in item["bndbox"].items()}
            back = [corner["xmin"] - 1, corner["ymin"] - 1]
            assert [*back, corner["xmax"], corner["ymax"]] == box
            assert item["name"] == CLASS_NAMES[label]


def test_voc_maps_come_back_as_numbers(dataset, tmp_path):
    root = write_voc(dataset, tmp_path, split="val")
    read = VOCSegmentation(str(tmp_path), year="2012", image_set="val")
    for index, (_, picture) in enumerate(read):
        target = dataset[index][1]
        expected = torch.zeros(96, 96, dtype=torch.uint8)
        for mask, label in zip(target["masks"], target["labels"], strict=True):
            expected[mask.bool()] = label.byte()
        assert torch.equal(pil_to_tensor(picture)[0], expected)
        assert picture.getpalette()[3:6] == [128, 0, 0]  # VOC's first class is dark red
    assert len(list((root / "SegmentationObject").iterdir())) == 5


def test_voc_without_masks_has_boxes_only(tmp_path):
    root = write_voc(Tabletop(2, size=32, truth=()), tmp_path)
    assert not (root / "SegmentationClass").exists()
    assert not (root / "ImageSets" / "Segmentation").exists()


def test_coco_comes_back_with_torchvision_and_pycocotools(dataset, tmp_path, capsys):
    path = write_coco(dataset, tmp_path / "new")
    read = CocoDetection(str(tmp_path / "new" / "train"), str(path))
    assert len(read) == 5
    for index, (picture, rows) in enumerate(read):
        image, target = dataset[index]
        assert torch.equal(pil_to_tensor(picture).float() / 255, image)
        boxes = target["boxes"].tolist()
        assert len(rows) == len(boxes)
        for row, (x1, y1, x2, y2), label, mask in zip(
            rows, boxes, target["labels"], target["masks"], strict=True
        ):
            assert row["bbox"] == [x1, y1, x2 - x1, y2 - y1]
            assert row["category_id"] == label
            assert row["area"] == mask.sum()
            assert np.array_equal(read.coco.annToMask(row), mask.numpy())
    names = [row["name"] for row in read.coco.loadCats(read.coco.getCatIds())]
    assert tuple(names) == CLASS_NAMES[1:]


def test_coco_truth_scored_against_itself_is_perfect(dataset, tmp_path, capsys):
    truth = COCO(str(write_coco(dataset, tmp_path)))
    rows = [row | {"score": 1.0} for row in truth.dataset["annotations"]]
    for kind in ("bbox", "segm"):
        scores = COCOeval(truth, truth.loadRes(rows), kind)
        scores.evaluate()
        scores.accumulate()
        scores.summarize()
        assert scores.stats[0] == pytest.approx(1.0)


def test_clevr_holds_looks_places_and_relations(dataset, tmp_path):
    path = write_clevr(dataset, tmp_path)
    content = json.loads(path.read_text())
    assert len(content["scenes"]) == 5
    for index, scene in enumerate(content["scenes"]):
        target = dataset[index][1]
        picture = tmp_path / "images" / "train" / scene["image_filename"]
        assert picture.exists()
        assert [o["shape"] for o in scene["objects"]] == [
            CLASS_NAMES[label] for label in target["labels"]
        ]
        for item, box, mask in zip(
            scene["objects"], target["boxes"].tolist(), target["masks"], strict=True
        ):
            assert item["bbox"] == box
            assert np.array_equal(decode_rle(item["mask"]), mask.numpy())
        places = [o["3d_coords"] for o in scene["objects"]]
        for i, others in enumerate(scene["relationships"]["left"]):
            expected = [j for j, p in enumerate(places) if p[0] < places[i][0] - 0.1]
            assert others == expected
        for i, others in enumerate(scene["relationships"]["front"]):
            expected = [j for j, p in enumerate(places) if p[1] < places[i][1] - 0.1]
            assert others == expected


def test_clevr_pictures_fit_their_scenes_whatever_the_transforms(dataset, tmp_path):
    flipped = Tabletop(1, size=96, transforms=lambda image, target: (-image, target))
    write_clevr(flipped, tmp_path)
    picture = Image.open(tmp_path / "images" / "train" / "CLEVR_train_000000.png")
    assert np.array_equal(pil_to_tensor(picture), dataset.rendering(0).image)


@pytest.mark.parametrize("write", [write_voc, write_coco, write_clevr])
def test_a_folder_with_files_is_never_written_over(write, dataset, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        write(dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("write", [write_voc, write_coco])
def test_unknown_picture_formats_are_refused(write, dataset, tmp_path):
    with pytest.raises(ValueError, match="suffix"):
        write(dataset, tmp_path / "new", suffix=".bmp")
    assert not (tmp_path / "new").exists()
