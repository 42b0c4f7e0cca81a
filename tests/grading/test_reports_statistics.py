"""What the grades of a class say together."""

import pytest
from report_grades import CALL, message, some_class

from course_grading.reports.message_parts import (
    Reading,
    kind_of_failure,
    read_message,
)
from course_grading.reports.statistics import (
    Spread,
    frequent_mistakes,
    histogram,
    spread,
    summarise_tasks,
)
from course_grading.running.verdict import Grade, Result


def wrong(text: str, name: str = "iou") -> Result:
    return Result(name, 1, 0, "wrong", text)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        (
            message("iou", "x and y are swapped"),
            Reading(
                "1 of 4 values differ; expected -0.2 at [0, 1], received 0.5",
                case="two boxes side by side",
                expected="-0.2 at [0, 1]",
                received="0.5",
                mistake="x and y are swapped",
                call=CALL,
            ),
        ),
        (
            "iou, case 'no boxes': expected shape (0, 4), received (4,)",
            Reading(
                "expected shape (0, 4), received (4,)",
                case="no boxes",
                expected="shape (0, 4)",
                received="(4,)",
            ),
        ),
        (
            "ap, case 'number': 0.5 is not right. Likely mistake: the last step",
            Reading("0.5 is not right.", case="number", mistake="the last step"),
        ),
        (
            "iou: with 9 more boxes your code runs 30 steps instead of 3.\n"
            "Likely mistake: a loop over boxes",
            Reading(
                "iou: with 9 more boxes your code runs 30 steps instead of 3.",
                mistake="a loop over boxes",
            ),
        ),
        ('letter: not "a". It falls.', Reading('letter: not "a". It falls.')),
        (
            f"iou, case 'a': no\nCall: {CALL}\nNote: found by its name",
            Reading("no", case="a", call=CALL, note="found by its name"),
        ),
        ("", Reading("")),
    ],
)
def test_a_message_is_read_in_its_parts(text: str, reading: Reading):
    assert read_message(wrong(text)) == reading


def test_only_a_check_names_likely_mistakes():
    forged = Result("iou", 1, 0, "error", "raised E: \nLikely mistake: of the grader")
    assert read_message(forged) == Reading(forged.message)


def test_failures_are_grouped_by_mistake_case_and_error():
    texts = [message("iou", "swapped")] * 3 + ["iou, case 'none': expected 1"] * 2
    results = [wrong(text) for text in texts]
    results += [Result("iou", 1, 0, "error", "its cell raised E")]
    results += [Result("iou", 1, 0, "not answered", "not answered yet")] * 2
    results += [Result("iou", 1, 1, "right", "")]
    grades = [Grade(str(n), [result]) for n, result in enumerate(results)]
    (task,) = summarise_tasks(grades)
    assert task.counts == {"wrong": 5, "not answered": 2, "error": 1, "right": 1}
    assert task.pass_rate == pytest.approx(1 / 9)
    found = [(f.count, f.verdict, f.what, f.is_mistake) for f in task.failures]
    assert found == [
        (3, "wrong", "swapped", True),
        (2, "not answered", "", False),
        (2, "wrong", "no known mistake; case 'none'", False),
        (1, "error", "its cell raised E", False),
    ]
    assert task.failures[2].places == (3, 4)
    assert [f.what for f in frequent_mistakes([task])] == ["swapped"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('letter: not "a". It falls, because the rest does.', 'the choice "a"'),
        ("iou: torchvision.ops.nms is switched off", "iou: torchvision.ops.nms is"),
        ("iou, case 'x': no\nLikely mistake: y\nCall: f()", "y"),
    ],
)
def test_choices_and_sentences_are_kinds_of_failure_too(text: str, kind: str):
    assert kind_of_failure(wrong(text)).startswith(kind)


def two_tasks(first: int, second: int) -> Grade:
    results = [
        Result("a", 1, first, "right" if first else "wrong", ""),
        Result("b", 1, second, "right" if second else "wrong", ""),
    ]
    return Grade("", results)


def test_a_task_discriminates_where_it_goes_with_the_others():
    alike = [two_tasks(n % 2, n % 2) for n in range(12)]
    opposed = [two_tasks(n % 2, 1 - n % 2) for n in range(12)]
    assert summarise_tasks(alike)[0].discrimination == pytest.approx(1)
    assert summarise_tasks(opposed)[0].discrimination == pytest.approx(-1)


@pytest.mark.parametrize("grades", [[two_tasks(1, 0)] * 12, [two_tasks(1, 0)] * 3])
def test_nothing_is_said_where_all_agree_or_few_are_there(grades: list[Grade]):
    assert summarise_tasks(grades)[0].discrimination is None


def test_scores_and_times_of_a_class():
    grades = some_class(40)
    counts = histogram(grades)
    assert [score for score, _ in counts] == list(range(11))
    assert sum(count for _, count in counts) == 40
    assert spread([3, 1, 2]) == Spread(2, 2, 3, 3, 6)
    assert spread(range(1, 101)).high == 95
    assert (spread([]), histogram([]), summarise_tasks([])) == (Spread(), [], [])
