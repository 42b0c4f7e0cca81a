"""Every check accepts right answers and rejects wrong ones: generated, and listed.

A right answer is the oracle itself; a wrong one is the oracle with one mistaken step.
Beside these, `NAME/test_TASK.py` lists answers in a learner's own style.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, combinations
from typing import Any

import pytest
from cheats import stub
from proofs import assignments, check_of, copied_check, file_of, proof_of, tasks

from course_utils.checking.ask import Ask
from course_utils.checking.check import CheckFailed
from course_utils.checking.compare import difference
from course_utils.checking.diagnosis import Case

SEEDS = (0, 1, 2026)
TASKS = [pair for pair in tasks() if file_of(*pair).exists()]
MISTAKES = [
    pytest.param(name, task, text, id=f"{name}-{task}-{text}")
    for name, task in TASKS
    for text in check_of(name, task).wrong
]
RIGHT = [
    pytest.param(name, task, number, id=f"{name}-{task}-{number}")
    for name, task in TASKS
    for number in range(len(proof_of(name, task).RIGHT))
]
WRONG = [
    pytest.param(name, task, number, id=f"{name}-{task}-{number}")
    for name, task in TASKS
    for number in range(len(proof_of(name, task).WRONG))
]


def refusal(name: str, task: str, answer: Any, seed: int = 0) -> str:
    """What the check says about a wrong answer; "" where it accepts it."""
    try:
        check_of(name, task)(answer, seed=seed)
    except CheckFailed as failure:
        return str(failure)
    return ""


@pytest.mark.parametrize(("name", "task", "number"), RIGHT)
def test_a_listed_right_answer_is_accepted(
    name: str, task: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in SEEDS:
        check_of(name, task)(proof_of(name, task).RIGHT[number], seed=seed)
        assert capsys.readouterr().out.startswith(f"{task}: right")


@pytest.mark.parametrize(("name", "task", "number"), WRONG)
def test_a_listed_wrong_answer_is_rejected_with_its_reason(
    name: str, task: str, number: int
) -> None:
    answer, words = proof_of(name, task).WRONG[number]
    for seed in SEEDS:
        text = refusal(name, task, answer, seed)
        assert words in text, f"seed {seed}"
        assert task in text


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_the_oracle_is_a_right_answer(
    name: str, task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    right = copied_check(name, task).right
    for seed in SEEDS if right is not None else ():
        check_of(name, task)(right, seed=seed)
        assert capsys.readouterr().out.startswith(f"{task}: right")


@pytest.mark.parametrize(("name", "task", "text"), MISTAKES)
def test_a_mistake_is_rejected_with_its_own_hint(
    name: str, task: str, text: str
) -> None:
    for seed in SEEDS:
        said = refusal(name, task, copied_check(name, task).wrong[text], seed)
        assert text in said, f"seed {seed}"


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_no_two_mistakes_are_alike_in_all_cases(name: str, task: str) -> None:
    check = copied_check(name, task)
    right = proof_of(name, task).RIGHT[0] if check.right is None else check.right
    if not callable(right):
        return  # numbers and options are compared as they are
    calls: list[tuple[Any, Any]] = []

    def recorded(*arguments: Any, **settings: Any) -> Any:
        calls.append((arguments, settings))
        return right(*arguments, **settings)

    check_of(name, task)(recorded, seed=0)
    values = {
        text: [wrong(*arguments, **settings) for arguments, settings in calls]
        for text, wrong in check.wrong.items()
    }
    alike = [
        (one, other)
        for one, other in combinations(values, 2)
        if all(
            difference(a, b, 1e-5) is None
            for a, b in zip(values[one], values[other], strict=True)
        )
    ]
    assert alike == []


def offered_hints(
    name: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The mistakes that the check of a task looks for, in all of its cases."""
    found: list[Mapping[str, Any]] = []
    cases: list[Case] = []
    expect, number, make = Ask.expect, Ask.number, Case.__init__

    def seen(original: Any) -> Any:
        def method(*arguments: Any, **settings: Any) -> Any:
            mistakes = settings.get("mistakes") or {}
            found.append(mistakes() if callable(mistakes) else mistakes)
            return original(*arguments, **settings)

        return method

    def kept(self: Case, *arguments: Any) -> None:
        make(self, *arguments)
        cases.append(self)

    monkeypatch.setattr(Ask, "expect", seen(expect))
    monkeypatch.setattr(Ask, "number", seen(number))
    monkeypatch.setattr(Case, "__init__", kept)
    check_of(name, task)(proof_of(name, task).RIGHT[0], seed=0)
    found += [case.mistakes() for case in cases]
    return chain.from_iterable(found)


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_a_wrong_answer_reaches_each_hint(
    name: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = set(offered_hints(name, task, monkeypatch))
    monkeypatch.undo()
    hints -= check_of(name, task).wrong.keys()  # reached by the test of each mistake
    texts = [refusal(name, task, wrong) for wrong, _ in proof_of(name, task).WRONG]
    parts = [text.partition("Likely mistake: ")[2] for text in texts]
    assert hints - {part.partition("\n")[0] for part in parts} == set()


@pytest.mark.parametrize(("name", "task"), TASKS)
@pytest.mark.parametrize("empty", [stub, None, ...], ids=["stub", "None", "dots"])
def test_what_was_released_is_not_answered(name: str, task: str, empty: Any) -> None:
    is_question = not callable(proof_of(name, task).RIGHT[0])
    if is_question and empty is stub:
        empty = None  # the cell of a question raises before it binds the name
    with pytest.raises(CheckFailed, match=f"{task} is not answered yet"):
        check_of(name, task)(empty)


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_there_are_enough_listed_answers(name: str, task: str) -> None:
    assert len(proof_of(name, task).RIGHT) >= 2
    assert len(proof_of(name, task).WRONG) >= 4


def test_every_task_is_proven() -> None:
    assert tasks() == TASKS
    assert {name for name, _ in TASKS} == set(assignments())
