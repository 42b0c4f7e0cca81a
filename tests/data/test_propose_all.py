"""Proposals of many images: cached, computed in processes, recomputed when damaged."""

from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel
from torch import Tensor

from course_utils.data import proposals
from course_utils.ops.selective_search.search import CTSF, Strategy, selective_search

QUICK = Strategy(("lab",), (50,), (CTSF,), min_size=10)
SETTINGS = {"strategy": QUICK, "min_side": 4.0, "seed": 0}


def random_images(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 8, generator=generator)
    images = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="nearest")
    return [image[:, : 24 - i % 2] for i, image in enumerate(images)]  # two sizes


def expected(images: list[Tensor]) -> list[Tensor]:
    return [selective_search(image, **SETTINGS) for image in images]


def assert_same(found: list[Tensor], wanted: list[Tensor]) -> None:
    assert len(found) == len(wanted)
    for boxes, right in zip(found, wanted, strict=True):
        assert torch.equal(boxes, right)


def must_not_compute(*_, **__) -> None:
    raise AssertionError("boxes on disk were computed again")


def test_boxes_are_those_of_selective_search_and_kept(tmp_path, monkeypatch) -> None:
    images, folder = random_images(3), tmp_path / "new" / "folder"
    first = proposals.propose_all(images, folder=folder, **SETTINGS)
    assert_same(first, expected(images))
    assert len(list(folder.iterdir())) == 3
    monkeypatch.setattr(proposals, "selective_search", must_not_compute)
    again = proposals.propose_all(iter(images), folder=folder, **SETTINGS)
    assert_same(again, first)
    fewer = proposals.propose_all(images, folder=folder, most=5, **SETTINGS)
    assert_same(fewer, [boxes[:5] for boxes in first])


@pytest.mark.parametrize(
    "change",
    [{"strategy": "fast"}, {"min_side": 5.0}, {"seed": 1}],
    ids=["strategy", "min_side", "seed"],
)
def test_other_settings_are_other_boxes(tmp_path, monkeypatch, change) -> None:
    images = random_images(1)
    proposals.propose_all(images, folder=tmp_path, **SETTINGS)
    monkeypatch.setattr(proposals, "selective_search", must_not_compute)
    with pytest.raises(AssertionError, match="computed again"):
        proposals.propose_all(images, folder=tmp_path, **(SETTINGS | change))
    with pytest.raises(AssertionError, match="computed again"):
        proposals.propose_all([images[0] * 0.99], folder=tmp_path, **SETTINGS)
    monkeypatch.setattr(proposals, "VERSION", proposals.VERSION + 1)
    with pytest.raises(AssertionError, match="computed again"):
        proposals.propose_all(images, folder=tmp_path, **SETTINGS)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_boxes(path: Path) -> None:
    np.save(path, np.zeros((3, 5), dtype=np.float32))


def other_numbers(path: Path) -> None:
    np.save(path, np.full((3, 4), np.nan, dtype=np.float32))


def objects(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize("damage", [cut_short, empty, no_boxes, other_numbers, objects])
def test_a_damaged_file_is_made_again(tmp_path, damage) -> None:
    images = random_images(2)
    first = proposals.propose_all(images, folder=tmp_path, **SETTINGS)
    for path in tmp_path.iterdir():
        damage(path)
    assert_same(proposals.propose_all(images, folder=tmp_path, **SETTINGS), first)
    assert len(list(tmp_path.iterdir())) == 2
    kept = [proposals.load_boxes(path) for path in tmp_path.iterdir()]
    assert all(boxes is not None for boxes in kept)


def test_no_image_has_no_boxes(tmp_path) -> None:
    assert proposals.propose_all([], folder=tmp_path) == []
    assert proposals.propose_all([]) == []


def test_a_small_image_keeps_its_empty_boxes(tmp_path) -> None:
    for _ in range(2):
        (boxes,) = proposals.propose_all([torch.rand(3, 5, 5)], folder=tmp_path)
        assert boxes.shape == (0, 4)


def test_processes_find_the_same_boxes(monkeypatch) -> None:
    images = random_images(2 * proposals.FEWEST_A_PROCESS)
    asked = []

    def start(n_jobs: int, **settings) -> Parallel:
        asked.append(n_jobs)
        return Parallel(n_jobs=n_jobs, **settings)

    monkeypatch.setattr(proposals, "Parallel", start)
    found = proposals.propose_all(images, workers=2, **SETTINGS)
    assert_same(found, expected(images))
    assert asked == [2]


def test_a_process_that_fails_is_no_empty_result() -> None:
    images = [*random_images(2 * proposals.FEWEST_A_PROCESS), torch.rand(1, 9, 9)]
    with pytest.raises(ValueError, match="repeat a grey image"):
        proposals.propose_all(images, workers=2, **SETTINGS)


def test_bad_input_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="most is -1"):
        proposals.propose_all(random_images(1), most=-1)
    with pytest.raises(ValueError, match="workers is 0"):
        proposals.propose_all(random_images(1), workers=0)
    with pytest.raises(ValueError, match="strategy is 'best'"):
        proposals.propose_all(random_images(1), strategy="best")
    with pytest.raises(ValueError, match="1 channels"):
        proposals.propose_all([torch.rand(1, 9, 9)], folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
