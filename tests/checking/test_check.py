"""How a check questions an answer, and what a learner reads."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import Tensor
from torchvision.ops import box_iou
from traitlets.config import Config

from course_utils.checking.check import Ask, CheckFailed, check, random_boxes


@check("doubled", forbids=("torch.cumsum",))
def check_doubled(ask: Ask) -> None:
    values = torch.rand(3, generator=ask.generator)
    mistakes = {"it is halved": values / 2}
    ask.call_and_expect("random", (values,), values * 2, mistakes=mistakes)
    empty = torch.zeros(0)
    ask.expect("no values", ask("no values", empty), empty)


def message(answer: Any, question: Callable[..., None] = check_doubled) -> str:
    with pytest.raises(CheckFailed) as failure:
        question(answer)
    return str(failure.value)


def noisy(values: Tensor) -> Tensor:
    print("thinking ...")
    return 2 * values


def forever(values: Tensor) -> Tensor:
    return forever(values)


def crash(values: Tensor) -> Tensor:
    return values[7]


def unsupported(values: Tensor) -> Tensor:
    raise NotImplementedError("no kernel for this type")


def leaves(values: Tensor) -> Tensor:
    sys.exit(0)


def changes(values: Tensor) -> Tensor:
    return values.mul_(2)


def uses_library(values: Tensor) -> Tensor:
    return box_iou(values, values)


def uses_named(values: Tensor) -> Tensor:
    return torch.cumsum(values, 0)


def takes_two(values: Tensor, factor: float) -> Tensor:
    return values * factor


def lazy(values: Tensor) -> Any:
    class Later(list):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            return iter(box_iou(torch.zeros(1, 4), torch.zeros(1, 4)))

    return Later([1])


SENTENCES: dict[str, tuple[Any, str]] = {
    "mistake": (lambda v: v / 2, "Likely mistake: it is halved"),
    "case": (lambda v: v, "doubled, case 'random': 3 of 3 values differ; expected"),
    "call": (lambda v: v, "Call: doubled(tensor([0."),
    "none": (lambda v: None, "expected a tensor, received None: is there a `return`?"),
    "error": (crash, "your code raised IndexError: index 7 is out of bounds"),
    "line": (crash, "`return values[7]`)"),
    "own error": (unsupported, "raised NotImplementedError: no kernel for this type"),
    "recursion": (forever, "your code raised RecursionError"),
    "exit": (leaves, "your code leaves Python with `exit()`"),
    "in place": (changes, "changed its input in place; work on a copy"),
    "library": (uses_library, "torchvision.ops.boxes.box_iou is switched off"),
    "named": (uses_named, "torch.cumsum is switched off in this task"),
    "lazy library": (lazy, "torchvision.ops.boxes.box_iou is switched off"),
    "too many parameters": (
        takes_two,
        "it is called with 1 arguments, but yours is takes_two(values, factor): "
        "missing a required argument: 'factor'",
    ),
    "too few parameters": (lambda: 1, "yours is <lambda>(): too many positional"),
    "a value": (torch.ones(3), "doubled is a tensor of shape (3,) and torch.float32"),
    "no answer": (None, "doubled is not answered yet"),
}


@pytest.mark.parametrize(("answer", "words"), SENTENCES.values(), ids=SENTENCES.keys())
def test_a_learner_reads_what_was_wrong(answer: Any, words: str) -> None:
    assert words in message(answer)


def test_a_right_answer_may_print(capsys: pytest.CaptureFixture[str]) -> None:
    check_doubled(noisy)
    said = capsys.readouterr().out.splitlines()
    assert said == ["thinking ...", "thinking ...", "doubled: right (2 cases)."]


def test_an_interrupt_reaches_the_learner() -> None:
    def interrupted(values: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_doubled(interrupted)


def test_the_answer_may_keep_and_change_what_it_returned() -> None:
    kept = torch.zeros(3)

    def reuses(values: Tensor) -> Tensor:
        kept.resize_(len(values)).copy_(values * 2)
        return kept

    check_doubled(reuses)


def test_the_seed_decides_the_random_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_input(**settings: Any) -> list[float]:
        seen: list[Tensor] = []
        check_doubled(lambda v: seen.append(v.clone()) or v * 2, **settings)
        return seen[0].tolist()

    assert first_input() == first_input(seed=0)
    assert first_input(seed=5) != first_input()
    monkeypatch.setenv("COURSE_CHECK_SEED", "5")
    assert first_input() == first_input(seed=5)


def test_only_the_sentence_is_shown_in_a_notebook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.push({"check_doubled": check_doubled, "answer": crash})
    shell.run_cell("check_doubled(answer)")
    shown = capsys.readouterr().out.strip()
    assert shown.startswith("CheckFailed: doubled, case 'random': your code raised")
    assert "Traceback" not in shown
    assert len(shown.splitlines()) == 2


@check("halves")
def check_halves(ask: Ask) -> None:
    few, many = torch.rand(5), torch.rand(45)
    ask.expect_no_loop("values", (few,), (many,), 40)


def halves_with_branches(values: Tensor) -> Tensor:
    if len(values) > 10:
        values = values + 0
    return values / 2


def halves_by_torch(values: Tensor) -> Tensor:
    return torch.stack(list(map(torch.neg, values)))


LOOPS: dict[str, Callable[[Tensor], Any]] = {
    "comprehension": lambda v: torch.tensor([x / 2 for x in v.tolist()]),
    "generator": lambda v: torch.tensor(list(x / 2 for x in v.tolist())),  # noqa: C400
    "map of a lambda": lambda v: torch.tensor(list(map(lambda x: x / 2, v.tolist()))),  # noqa: C417
    "map of an operation": halves_by_torch,
    "apply": lambda v: v.apply_(lambda x: x / 2),
}


@pytest.mark.parametrize("answer", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_is_seen_without_a_clock(answer: Callable[[Tensor], Any]) -> None:
    copy = lambda values: answer(values.clone())  # noqa: E731
    assert "Likely mistake: a loop over values" in message(copy, check_halves)


@pytest.mark.parametrize(
    "answer",
    [halves_with_branches, torch.vmap(lambda x: x / 2), lambda v: v.numpy() / 2],
    ids=["branches", "vmap", "NumPy"],
)
def test_one_operation_for_all_is_no_loop(answer: Callable[[Tensor], Any]) -> None:
    tracer = sys.gettrace()
    check_halves(answer)
    assert sys.gettrace() is tracer


@check("share")
def check_share(ask: Ask) -> None:
    ask.number(0.25, mistakes={"the rest": 0.75}, advice="Count.", explanation="Yes.")


def test_a_number_is_not_given_away(capsys: pytest.CaptureFixture[str]) -> None:
    check_share(1 / 4)
    assert capsys.readouterr().out == "share: right. Yes.\n"
    assert message(0.75, check_share).endswith(
        "0.75 is not right. Likely mistake: the rest"
    )
    assert message(0.5, check_share).endswith("0.5 is not right. Count.")
    assert "a number was expected" in message("1/4", check_share)
    assert "0.25" not in message(0.5, check_share) + message("1/4", check_share)


@check("letter")
def check_letter(ask: Ask) -> None:
    ask.choice("b", {"a": "Too small.", "b": "Just right."})


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    check_letter(" B")
    assert capsys.readouterr().out == "letter: right. Just right.\n"
    assert message("a", check_letter) == 'letter: not "a". Too small.'
    assert message("z", check_letter) == "letter is 'z', expected one of ['a', 'b']"


def test_random_boxes_are_boxes_inside_the_image() -> None:
    generator = torch.Generator().manual_seed(3)
    boxes = random_boxes(500, generator=generator, height=30, width=80)
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 1.999
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= 80
    assert boxes[:, 3].max() <= 30
    assert random_boxes(0, generator=generator).shape == (0, 4)
