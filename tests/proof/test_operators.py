"""Each operator makes the mutants that it should, and none without effect."""

import ast

import pytest

from proof.equivalents import essence
from proof.mutants import mutants_of, spread
from proof.script import Solution, task_of

ANSWER = """
def answer(p, q, height, width):
    {}
"""

MADE = {
    "comparison": ("return p <= q", ["p < q", "p > q"]),
    "equality": ("return p == q", ["p != q"]),
    "arithmetic": ("return p - q", ["p + q", "p", "q", "q - p"]),
    "mask": ("return p & ~q", ["p | ~q", "p", "~q", "p & q"]),
    "logic": ("return p and q", ["p or q", "p", "q"]),
    "condition": ("return 3 if p else 4", ["3", "4", "3 if not p else 4"]),
    "axis": ("return p.sum(dim=-1)", ["p.sum(dim=-2)", "p.sum(dim=0)", "p.sum()"]),
    "axis by place": ("return p.flip(0)", ["p.flip(1)", "p.flip()", "p"]),
    "float": ("return 0.5 * p", ["1.0 * p", "0.25 * p"]),
    "guard": ("return p.clamp(min=1e-12)", ["p.clamp(min=0.0)", "p.clamp(max=1e-12)"]),
    "truth": ("return p.sort(stable=True)", ["p.sort(stable=False)"]),
    "clamp": ("return p.clamp(max=q)", ["p.clamp(min=q)", "p", "p.clamp()"]),
    "extremes": ("return torch.maximum(p, q)", ["torch.minimum(p, q)", "p", "q"]),
    "reduction": ("return p.amax(dim=0)", ["p.amin(dim=0)"]),
    "copy": ("return p.clone()", ["p"]),
    "dtype": ("return p.to(torch.float32)", ["p.to(torch.int64)"]),
    "name": ("return p[height]", ["p[width]", "p"]),
    "slice": ("return p[1:q]", ["p[:q]", "p[1:]", "p[1:q + 1]", "p[1:q - 1]"]),
    "step": ("return p[::-1]", ["p[:]", "p[::-2]"]),
    "index order": ("return p[:, None]", ["p[None, :]"]),
    "arguments": ("return p.permute(2, 0)", ["p.permute(0, 2)"]),
    "pair": ("return p, q", ["q, p"]),
    "word": ("return f(p, reduction='sum')", ["f(p, reduction='mean')"]),
    "range": ("return range(q)", ["range(q + 1)", "range(q - 1)"]),
    "loops": (
        "return [(x, y) for y in p for x in q if x]",
        ["[(x, y) for x in q if x for y in p]", "[(x, y) for y in p for x in q]"],
    ),
}


def task(body: str) -> Solution:
    text = ANSWER.format(body.replace("\n", "\n    "))
    return task_of(ast.parse(text), 3, len(text.splitlines()))


def now(body: str) -> set[str]:
    return {essence(mutant.now) for mutant in mutants_of(task(body))}


@pytest.mark.parametrize("case", MADE)
def test_an_operator_makes_its_mutants(case: str):
    body, wanted = MADE[case]
    assert {essence(f"return {text}") for text in wanted} <= now(body)


STATEMENTS = {
    "a loop may end or turn": (
        "for x in p:\n    q += x\nreturn q",
        ["break", "for x in reversed(list(p)):", "q -= x", "q = x", "pass"],
    ),
    "an if may always hold": ("if p > q:\n    p = q\nreturn p", ["if True:", "pass"]),
    "a loop may not go on": ("for x in p:\n    if x:\n        continue", ["break"]),
    "what is bound later may be kept": ("p = q\nreturn p", ["pass"]),
    "an entry may be left out": ("p[0] = q\nreturn p", ["pass", "p[1] = q"]),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_statements_are_left_out_and_turned(case: str):
    body, wanted = STATEMENTS[case]
    assert {essence(text) for text in wanted} <= now(body)


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('not ' + p)",
        '"""Says nothing but 1 + 1."""',
        "size: dict[str, int]",
        "assert p > q, 'p is 1'",
        "return f'{p + 1}'",
        "value = p",  # without it there is only a NameError
    ],
)
def test_what_no_check_sees_is_not_changed(body: str):
    assert now(body) == set()


def test_types_and_lengths_of_zip_are_not_changed():
    body = "for x, y in zip(p, q, strict=True):\n    z: int = x"
    assert not any("strict" in line and "True" not in line for line in now(body))
    assert not any("strict" not in line for line in now(body) if "zip" in line)


def test_arguments_of_symmetric_functions_stay():
    assert essence("return max(q, p)") not in now("return max(p, q)")


def test_only_the_region_of_the_solution_is_changed():
    text = "def answer(n=3):\n    if n < 0:\n        return 0\n    return n + 1\n"
    mutants = mutants_of(task_of(ast.parse(text), 4, 4))
    assert {mutant.was for mutant in mutants} == {"return n + 1"}


def test_each_mutant_is_another_and_valid():
    mutants = mutants_of(task("p = p[:, :2] + 2 * q[:, 2:]\nreturn p.clamp(min=0)"))
    sources = [mutant.source for mutant in mutants]
    assert len(set(sources)) == len(sources) > 20
    for source in sources:
        compile(source, "<mutant>", "exec")


def test_a_mutant_shows_what_it_changed():
    (mutant,) = [m for m in mutants_of(task("q = 1\nreturn p < q")) if "<=" in m.now]
    assert (mutant.operator, mutant.was) == ("comparison", "return p < q")
    assert "-    return p < q\n+    return p <= q" in mutant.diff


def test_a_sample_reaches_from_the_first_to_the_last_part():
    assert spread(list(range(100)), 4) == [0, 25, 50, 75]
    assert spread([1, 2], 4) == [1, 2]
    assert spread([1, 2], None) == [1, 2]
