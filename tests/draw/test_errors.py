"""Bars of kinds of errors."""

import pytest

from course_utils.data.tabletop import CLASS_NAMES, SIMILAR_CLASSES
from course_utils.draw import error_shares, show_errors


def test_shares_are_percents_in_one_order_without_kinds_that_nobody_has():
    shares = error_shares(
        {"a": {"correct": 3, "other": 0, "missing": 1}, "b": {"correct": 5}}
    )
    assert shares == {
        "a": {"correct": 75, "missing": 25},
        "b": {"correct": 100, "missing": 0},
    }


def test_a_system_without_objects_is_refused():
    with pytest.raises(ValueError, match=r"counts of \['b'\] are 0"):
        error_shares({"a": {"correct": 1}, "b": {"correct": 0}})


def test_bars_are_shown(capsys: pytest.CaptureFixture[str]):
    show_errors({"a": {"correct": 1, "background": 1}}, alt="two halves")
    assert "[figure] two halves" in capsys.readouterr().out


def test_every_class_is_similar_to_itself_in_one_group_at_most():
    names = [name for group in SIMILAR_CLASSES for name in group]
    assert sorted(names) == sorted(CLASS_NAMES[1:])
