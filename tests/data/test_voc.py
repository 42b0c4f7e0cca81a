"""Reading Pascal VOC: what the writer wrote comes back, with VOC's oddities."""

from pathlib import Path

import pytest
import torch

from course_utils.data.tabletop import CLASS_NAMES, Tabletop
from course_utils.data.voc import read_annotation, read_voc
from course_utils.data.writers import write_voc

ANNOTATION = """<annotation><path>/somewhere/else.jpg</path>
<object><name>cube</name><bndbox>
<xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>2</ymax></bndbox></object>
<object><name>cone</name><bndbox>
<xmin>5</xmin><ymin>4</ymin><xmax>4</xmax><ymax>9</ymax></bndbox></object>
</annotation>"""


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    scenes = Tabletop(3, size=64, truth=())
    folder = write_voc(scenes, tmp_path)
    read = read_voc(folder, "train", class_names=CLASS_NAMES)
    assert len(read) == 3
    for (image, target), (scene, truth) in zip(
        read, [scenes[i] for i in range(3)], strict=True
    ):
        assert image.shape == scene.shape
        assert image.dtype == torch.float32
        assert (image - scene).abs().mean() < 0.03  # a JPEG is not exact
        assert torch.equal(target["boxes"], truth["boxes"])
        assert torch.equal(target["labels"], truth["labels"])
    assert len(read_voc(folder, "train", class_names=CLASS_NAMES, most=2)) == 2


def test_corners_are_inclusive_and_empty_boxes_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "one.xml"
    path.write_text(ANNOTATION)
    target = read_annotation(path, CLASS_NAMES)
    assert target["boxes"].tolist() == [[0, 1, 10, 2]]
    assert target["labels"].tolist() == [CLASS_NAMES.index("cube")]


def test_a_picture_of_nothing_has_no_boxes(tmp_path: Path) -> None:
    path = tmp_path / "none.xml"
    path.write_text("<annotation></annotation>")
    target = read_annotation(path, CLASS_NAMES)
    assert target["boxes"].shape == (0, 4)
    assert target["labels"].shape == (0,)
    assert target["labels"].dtype == torch.int64


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.xml"
    path.write_text(ANNOTATION)
    with pytest.raises(ValueError, match=r"one\.xml has a 'cone'"):
        read_annotation(path, ("background", "cube"))
