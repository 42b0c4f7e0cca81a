"""Every check accepts the listed right answers and rejects the listed wrong ones."""

import ast
import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cheats import stub

from course_utils.checking.check import Ask, CheckFailed
from course_utils.checking.diagnosis import Question

ROOT = Path(__file__).parents[2]
ANSWERS = ROOT / "tests" / "checks"
SEEDS = (0, 1, 2026)


def load(path: Path) -> ModuleType:
    """The answers to one assignment, from a file or a folder."""
    file = path / "__init__.py" if path.is_dir() else path
    name = f"answers_to_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a folder's modules import each other by this name
    spec.loader.exec_module(module)
    return module


def paths() -> list[Path]:
    return sorted(file.parent for file in ANSWERS.glob("*/__init__.py"))


MODULES = {path.stem: load(path) for path in paths()}


def check_of(module: str, task: str) -> Callable[..., None]:
    checks = importlib.import_module(f"course_utils.checks.{module}")
    check: Callable[..., None] = getattr(checks, f"check_{task}")
    return check


def name_of(answer: Any) -> str:
    return str(getattr(answer, "__name__", type(answer).__name__))


TASKS = [(name, task) for name, module in MODULES.items() for task in module.RIGHT]
RIGHT = [
    pytest.param(name, task, answer, id=f"{name}-{task}-{name_of(answer)}")
    for name, task in TASKS
    for answer in MODULES[name].RIGHT[task]
]
WRONG = [
    pytest.param(name, task, number, id=f"{name}-{task}-{name_of(answer)}")
    for name, task in TASKS
    for number, (answer, _) in enumerate(MODULES[name].WRONG[task])
]


@functools.cache
def refusal(module: str, task: str, number: int, seed: int) -> str:
    """What the check says about a listed wrong answer; "" where it accepts it."""
    answer, _ = MODULES[module].WRONG[task][number]
    try:
        check_of(module, task)(answer, seed=seed)
    except CheckFailed as failure:
        return str(failure)
    return ""


@pytest.mark.parametrize(("module", "task", "answer"), RIGHT)
def test_a_right_answer_is_accepted(
    module: str, task: str, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in SEEDS:
        check_of(module, task)(answer, seed=seed)
        assert capsys.readouterr().out.startswith(f"{task}: right")


@pytest.mark.parametrize(("module", "task", "number"), WRONG)
def test_a_wrong_answer_is_rejected_with_its_reason(
    module: str, task: str, number: int
) -> None:
    _, words = MODULES[module].WRONG[task][number]
    for seed in SEEDS:
        text = refusal(module, task, number, seed)
        assert words in text, f"seed {seed}"
        assert task in text


def offered_hints(
    module: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The mistakes that the check of a task looks for, in all of its cases."""
    found: list[Mapping[str, Any]] = []
    questions: list[Question] = []
    expect, number, ask = Ask.expect, Ask.number, Question.__init__

    def seen(original: Any) -> Any:
        def method(*arguments: Any, **settings: Any) -> Any:
            mistakes = settings.get("mistakes") or {}
            found.append(mistakes() if callable(mistakes) else mistakes)
            return original(*arguments, **settings)

        return method

    def kept(self: Question, *arguments: Any) -> None:
        ask(self, *arguments)
        questions.append(self)

    monkeypatch.setattr(Ask, "expect", seen(expect))
    monkeypatch.setattr(Ask, "number", seen(number))
    monkeypatch.setattr(Question, "__init__", kept)
    check_of(module, task)(MODULES[module].RIGHT[task][0], seed=0)
    found += [question.mistakes() for question in questions]
    return chain.from_iterable(found)


@pytest.mark.parametrize(("module", "task"), TASKS)
def test_a_listed_answer_reaches_each_hint(
    module: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = set(offered_hints(module, task, monkeypatch))
    monkeypatch.undo()
    texts = [
        refusal(module, task, number, 0)
        for number in range(len(MODULES[module].WRONG[task]))
    ]
    parts = [text.partition("Likely mistake: ")[2] for text in texts]
    assert hints - {part.partition("\n")[0] for part in parts} == set()


@pytest.mark.parametrize(("module", "task"), TASKS)
@pytest.mark.parametrize("empty", [stub, None, ...], ids=["stub", "None", "dots"])
def test_what_was_released_is_not_answered(module: str, task: str, empty: Any) -> None:
    is_question = not callable(MODULES[module].RIGHT[task][0])
    if is_question and empty is stub:
        empty = None  # the cell of a question raises before it binds the name
    with pytest.raises(CheckFailed, match=f"{task} is not answered yet"):
        check_of(module, task)(empty)


@pytest.mark.parametrize(("module", "task"), TASKS)
def test_there_are_enough_answers_to_prove_a_check(module: str, task: str) -> None:
    assert len(MODULES[module].RIGHT[task]) >= 2
    assert len(MODULES[module].WRONG[task]) >= 4


@pytest.mark.parametrize("module", MODULES)
def test_every_task_of_the_assignment_is_proven(module: str) -> None:
    (script,) = ROOT.glob(f"source/assignments/[0-9][0-9]_{module}.py")
    called = {
        node.func.id.removeprefix("check_")
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id.startswith("check_")
    }
    assert called == MODULES[module].RIGHT.keys() == MODULES[module].WRONG.keys()


def test_every_assignment_is_proven() -> None:
    scripts = {
        path.stem[3:] for path in ROOT.glob("source/assignments/[0-9][0-9]_*.py")
    }
    assert scripts == MODULES.keys()
