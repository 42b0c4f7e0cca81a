"""Rows of results, the last line of a lesson, and the measuring of time."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from course_utils import results
from course_utils.results import (
    count_multiply_adds,
    median_ms,
    read_rows,
    start_lesson,
    write_row,
)

FIGURES: dict[str, Any] = {
    "figures": {"AP": 0.5, "AP50": 0.8, "AP_small": 0.4, "AP_large": -1.0, "AR_1": 0.2},
    "ms_per_image": 12.5,
    "training_seconds": 60.0,
    "parameters": 1000,
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_row_is_read_back_as_it_was_written():
    row = write_row("SSD", "laptop", **FIGURES, backbone="small")
    assert read_rows() == [row]
    expected = {"AP": 0.5, "AP50": 0.8, "parameters": 1000, "backbone": "small"}
    assert expected.items() <= row.items()
    assert "cores" in row["machine"]


def test_a_row_keeps_the_ap_of_sizes_and_none_where_there_are_no_objects():
    row = write_row("SSD", "laptop", **FIGURES)
    assert [row[name] for name in ("AP_small", "AP_medium", "AP_large")] == [
        0.4, None, None,
    ]  # fmt: skip
    assert "AR_1" not in row


def test_figures_without_ap_are_refused():
    with pytest.raises(ValueError, match=r"\['AP50'\] was expected"):
        write_row("SSD", "laptop", **FIGURES | {"figures": {"AP": 0.5}})


def test_without_rows_there_is_an_empty_list():
    assert read_rows() == []


def test_the_newest_row_of_a_system_and_budget_wins():
    write_row("SSD", "laptop", **FIGURES)
    write_row("YOLO", "laptop", **FIGURES)
    write_row("SSD", "gpu", **FIGURES)
    write_row("SSD", "laptop", **FIGURES | {"figures": {"AP": 0.6, "AP50": 0.8}})
    rows = [(row["system"], row["budget"], row["AP"]) for row in read_rows()]
    assert rows == [
        ("SSD", "laptop", 0.6),
        ("YOLO", "laptop", 0.5),
        ("SSD", "gpu", 0.5),
    ]
    assert [row["budget"] for row in read_rows("gpu")] == ["gpu"]


def test_a_line_that_was_cut_short_is_passed_over(cache: Path):
    row = write_row("SSD", "laptop", **FIGURES)
    with (cache / "results.jsonl").open("a") as file:
        file.write('[1]\n{"a": 1}\n{"system": "YO')
    assert read_rows() == [row]
    again = write_row("YOLO", "laptop", **FIGURES)
    assert read_rows() == [row, again]


def test_figures_may_be_tensors_or_numpy_numbers():
    figures = {"AP": torch.tensor(0.25), "AP50": np.float32(0.5)}
    row = write_row("SSD", "laptop", **FIGURES | {"figures": figures})
    assert (row["AP"], row["AP50"]) == (0.25, 0.5)


def test_the_users_cache_is_the_place_without_a_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COURSE_CACHE")
    assert results.cache_folder().name == "boxes-to-meshes"


def test_a_lesson_ends_with_one_line_of_json(capsys: pytest.CaptureFixture[str]):
    lesson = start_lesson("01_sliding_windows", "smoke")
    time.sleep(0.06)  # a sleep is never shorter than it was asked to be
    lesson.report(ap50=torch.tensor(0.91234567), faces=1, worst=float("nan"))
    (line,) = capsys.readouterr().out.splitlines()
    name, _, text = line.partition(" ")
    assert name == "RESULT"
    row = json.loads(text)
    assert list(row)[:4] == ["lesson", "budget", "seconds", "peak_memory_mb"]
    assert (row["lesson"], row["budget"]) == ("01_sliding_windows", "smoke")
    assert row["seconds"] >= 0.1  # 0.06 and more, to one place
    assert (row["ap50"], row["faces"], row["worst"]) == (0.9123, 1, None)


def test_peak_memory_is_in_megabytes_and_never_falls():
    now = psutil.Process().memory_info().rss / 1e6
    assert 0.95 * now < results.peak_memory_mb() < 100 * now
    block = np.ones(40_000_000)  # 320 MB
    peak = results.peak_memory_mb()
    assert peak >= now + 300
    del block
    assert results.peak_memory_mb() >= peak


def test_the_median_ignores_one_slow_call(monkeypatch: pytest.MonkeyPatch):
    ticks = iter([0.0, 0.001, 1.0, 1.002, 2.0, 2.2, 3.0, 3.003, 4.0, 4.001])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    calls: list[None] = []
    assert median_ms(lambda: calls.append(None), 5) == pytest.approx(2.0)
    assert len(calls) == 6, "the first is not timed"


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats is 0"):
        median_ms(lambda: None, 0)


def test_multiply_adds_of_a_convolution_and_its_gradients():
    layer = torch.nn.Conv2d(3, 8, 3, bias=False)
    images = torch.rand(2, 3, 6, 7)
    number = 2 * 8 * 4 * 5 * 3 * 9  # images, channels, places, channels, kernel
    assert count_multiply_adds(lambda: layer(images)) == number
    learn = lambda: layer(images).sum().backward()  # noqa: E731
    assert count_multiply_adds(learn) == 2 * number, "none for the images' gradient"
