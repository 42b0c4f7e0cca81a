"""A check asks answers in another process as it asks those in its own."""

import linecache
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from remote_code import CODE, LIMITS, connected
from torch import Tensor

from course_grading.isolation.remote import Link
from course_grading.isolation.warm import Warm
from course_utils.checking.check import Ask, CheckFailed
from course_utils.checking.plain import Opaque


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    if not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
    with Warm(limits=LIMITS) as process:
        yield process


@pytest.fixture(scope="module")
def link(warm: Warm) -> Iterator[Link]:
    connection = connected(warm)
    yield connection
    connection.child.end()


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    linecache.cache["cell.py"] = (1, None, CODE.splitlines(), "cell.py")
    exec(compile(CODE, "cell.py", "exec"), names)
    return names


@pytest.fixture(params=["here", "there"])
def ask(request: Any, link: Link, here: dict[str, Any]) -> Callable[..., Ask]:
    def asked(name: str, *forbids: str) -> Ask:
        answer = here[name] if request.param == "here" else link.describe(name)
        return Ask(answer, name, torch.Generator(), forbids)

    return asked


X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def test_values_arrive_in_plain_types(link: Link):
    assert link.describe("number") == 3
    assert link.describe("text") == "three"
    assert link.describe("nothing") is None
    assert link.describe("dots") is ...
    assert link.describe("pair") == (1, [2.5])
    assert link.describe("mapping")["a"].tolist() == [1, 1]
    assert link.describe("lines")[0] == 1
    assert link.describe("other") == Opaque("set", "{1, 2}")
    with pytest.raises(NameError, match="name 'absent' is not defined"):
        link.describe("absent")


def test_a_gradient_comes_back_through_one_tensor(ask: Callable[..., Ask]):
    upstream = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    reply = ask("squared").gradient("squares", X, torch.ones(2), upstream=upstream)
    assert torch.equal(reply.value, X**2)
    assert torch.equal(reply.inputs[0], 2 * X * upstream)
    assert torch.equal(reply.inputs[1], (X**2 * upstream).sum(0))


def test_a_gradient_comes_back_through_several_tensors(ask: Callable[..., Ask]):
    upstream = (torch.tensor([1.0, 3.0]), torch.tensor(4.0))
    reply = ask("smooth").gradient("smooth", X, upstream=upstream, scale=0.5)
    assert torch.equal(reply.inputs[0], X * torch.tensor([[1.0], [3.0]]) + 1)
    assert not reply.value[0].requires_grad


def test_a_module_stays_and_is_asked_again(ask: Callable[..., Ask]):
    block = ask("Block").made("of two channels", 2, bias=True)
    weight = block.value("its weight", "layer.weight")
    state = block.part("its parameters", "state_dict")
    assert torch.equal(state["layer.weight"], weight)
    expected = (X @ weight.T + state["layer.bias"]).relu()
    block.expect("values", block("an image", X), expected)
    twice = block.part("twice", "twice", X)
    block.expect("two", twice, (expected, expected))
    reply = block.gradient("backward", X, upstream=torch.ones(2, 2))
    assert reply.parameters["layer.bias"].tolist() == (expected > 0).sum(0).tolist()
    state["layer.weight"] = torch.zeros(2, 2)
    block.part("new weights", "load_state_dict", state)
    block.expect("zero", block("zero", X), state["layer.bias"].relu().expand(2, 2))
    assert block.value("calls", "calls") == 5


def test_an_object_keeps_its_state(ask: Callable[..., Ask]):
    counter = ask("Counter").made("from 5", 5)
    assert counter.part("add", "add", 2) == 7
    assert counter.part("add", "add", 3) == 10
    assert counter.value("count", "count") == 10
    with pytest.raises(CheckFailed, match="object of type Counter, but a function"):
        counter("a call", 1)


FAILURES: dict[str, Callable[[Callable[..., Ask]], Any]] = {
    "an error": lambda ask: ask("raises")("case", X),
    "a changed input": lambda ask: ask("changes")("case", X),
    "a wrong signature": lambda ask: ask("changes")("case", X, 1, more=2),
    "no answer": lambda ask: ask("empty")("case", X),
    "an exit": lambda ask: ask("leaves")("case", X),
    "a call that is off": lambda ask: ask("uses_nms")("case", X, X),
    "another call that is off": lambda ask: ask("smooth", "torch.Tensor.mean")("c", X),
    "no gradient": lambda ask: ask("detached").gradient("case", X, upstream=X),
    "a wrong shape": lambda ask: ask("wrong_shape").gradient("case", X, upstream=X),
    "a value that is no tensor": lambda ask: ask("smooth").gradient(
        "case", X, upstream=X
    ),
    "no such part": lambda ask: ask("Counter").made("of 1", 1).part("part", "minus", 1),
    "a part's error": lambda ask: ask("Counter").made("of 1", 1).part("p", "add", "a"),
    "no function": lambda ask: ask("number")("case", X),
    "no constructor": lambda ask: ask("Counter").made("of nothing"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_both_ways_fail_in_the_same_words(case: str, link: Link, here: dict[str, Any]):
    def answers(name: str, *forbids: str) -> Ask:
        return Ask(here[name], name, torch.Generator(), forbids)

    def remote(name: str, *forbids: str) -> Ask:
        return Ask(link.describe(name), name, torch.Generator(), forbids)

    said = []
    for ask in (answers, remote):
        with pytest.raises(CheckFailed) as failure:
            FAILURES[case](ask)
        said.append(str(failure.value))
    assert said[0] == said[1]


def test_a_cell_may_call_and_see_errors_by_their_kind(link: Link):
    assert link.describe("squared")(2, weight=3) == 12
    assert link.describe("prints")(1) == 1
    with pytest.raises(IndexError, match="list index out of range"):
        link.describe("raises")(X)
    with pytest.raises(NotImplementedError):
        link.describe("empty")(X)


def test_an_error_that_ends_loops_is_none_here(link: Link):
    link.run("def stops(x):\n    raise StopIteration")
    stops = link.describe("stops")
    with pytest.raises(Exception, match=r"^$") as failure:
        all(stops(x) for x in range(3))
    assert type(failure.value).__name__ == "RemoteError"


def test_what_a_call_prints_or_warns_costs_nothing(link: Link):
    ask = Ask(link.describe("prints"), "prints", torch.Generator())
    received: Tensor = ask("case", X)
    assert torch.equal(received, X)
