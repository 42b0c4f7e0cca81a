"""Figures of papers and lectures agree with each other, or are corrected."""

import pytest

from course_utils.data.published import (
    CORRECTIONS,
    LECTURE_TABLE,
    PAPER_TABLE,
    with_milliseconds,
)


def test_frames_a_second_and_seconds_are_one_figure_written_twice():
    for row in LECTURE_TABLE:
        assert row["fps"] * row["seconds"] == pytest.approx(1, abs=0.05)


def test_every_correction_is_of_a_line_of_the_table():
    systems = [row["system"] for row in LECTURE_TABLE]
    assert [each.system for each in CORRECTIONS] == [
        name for name in systems if name != "Faster R-CNN"
    ]
    assert all(each.source and each.reason for each in CORRECTIONS)


def test_the_papers_agree_with_the_lectures_but_for_what_is_corrected():
    papers = {row["system"]: row for row in PAPER_TABLE}
    differ = {
        row["system"]
        for row in LECTURE_TABLE
        if row["system"] in papers and papers[row["system"]]["AP50"] != row["AP50"]
    }
    assert differ == {"YOLO"}


def test_milliseconds_follow_from_frames_a_second():
    rows = {
        row["system"]: row["ms_per_image"] for row in with_milliseconds(PAPER_TABLE)
    }
    assert rows["YOLO"] == pytest.approx(22.2, abs=0.1)
    assert rows["R-CNN"] == pytest.approx(47_000)
    assert "ms_per_image" not in PAPER_TABLE[0]


def test_every_figure_of_a_paper_has_its_source():
    for row in PAPER_TABLE:
        assert row["source"], row["system"]
