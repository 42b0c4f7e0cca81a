"""Whatever an answer returns, a check says the same of it in both ways."""

import os
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
import torch

from course_grading.isolation.clock import Clock
from course_grading.isolation.remote import Link, RemoteError
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import Limits
from course_utils.checking.check import Ask, CheckFailed

CODE = """import torch, numpy as np, collections, decimal, fractions, enum, dataclasses
import types, pathlib, datetime, array
from torch import nn
class E(enum.IntEnum):
    A=1
class S(str): pass
class L(list): pass
class D(dict): pass
@dataclasses.dataclass
class P:
    x: int = 1
N = collections.namedtuple("N","a b")
class T(torch.Tensor): pass
class Bad:
    def __repr__(self): raise ValueError("no")
class Map(collections.abc.Mapping):
    def __getitem__(self,k): return 1
    def __len__(self): return 1
    def __iter__(self): return iter(["a"])
"""
VALUES = (
    "torch.eye(2).to_sparse()",
    "torch.eye(2).to_sparse_csr()",
    "torch.empty(2,2,device='meta')",
    "torch.quantize_per_tensor(torch.ones(2,2),.1,0,torch.qint8)",
    "10**5000",
    "10**400",
    "-10**17",
    "float('nan')",
    "float('inf')",
    "1j",
    "b'x'",
    "'\\ud800'",
    "'x'*5000",
    "{1,2}",
    "frozenset()",
    "range(3)",
    "(i for i in [1])",
    "map(abs,[1])",
    "{}.keys()",
    "np.ones(3)",
    "np.float32(1)",
    "np.array(3)",
    "np.array(['a'])",
    "np.matrix([1])",
    "np.ma.array([1.])",
    "np.datetime64('2020')",
    "np.bool_(True)",
    "np.longdouble(1)",
    "np.array([1],dtype='O')",
    "torch.float32",
    "torch.device('cpu')",
    "torch.Size([2,2])",
    "nn.Parameter(torch.ones(2,2))",
    "torch.ones(2,2).as_subclass(T)",
    "E.A",
    "S('x')",
    "L([1])",
    "D(a=1)",
    "collections.OrderedDict(a=1)",
    "collections.defaultdict(int)",
    "N(1,2)",
    "P()",
    "len",
    "lambda x:x",
    "type",
    "P",
    "pathlib.Path('a')",
    "decimal.Decimal('1')",
    "fractions.Fraction(1,2)",
    "NotImplemented",
    "...",
    "None",
    "True",
    "[]",
    "[[[]]]",
    "[Bad()]",
    "Bad()",
    "[{1}]",
    "[P()]",
    "{(1,2):3}",
    "{1.5:2}",
    "{P:1}",
    "{torch.ones(1):1}",
    "[torch.ones(1)]",
    "(torch.ones(2,2),None)",
    "torch.ones(2,2,dtype=torch.float8_e5m2)",
    "torch.ones(2,2,dtype=torch.complex32)",
    "torch.ones(2,2).half()",
    "torch.ones(2,2,dtype=torch.bfloat16)",
    "torch.ones(2,2,dtype=torch.uint16)",
    "torch.ones(2,2).T",
    "torch.ones(2,2,requires_grad=True)*2",
    "torch.ones(1).expand(2,2)",
    "torch.ones(0,3)",
    "torch.tensor(3)",
    "torch.ones(2,2)*float('nan')",
    "Map()",
    "Exception('x')",
    "array.array('i',[1])",
    "memoryview(b'x')",
    "types.SimpleNamespace(a=1)",
    "np.ones((2,2)).astype('>f8')",
    "[1]*300",
    "collections.deque([1])",
    "slice(1)",
    "torch.Generator()",
    "nn.Linear(2,2)",
    "nn.ParameterList([nn.Parameter(torch.ones(1))])",
    "torch.nested.nested_tensor([torch.ones(1),torch.ones(2)])",
    "torch.ones(2,2).numpy",
    "np.random",
    "[None, ...]",
    "{'a': {'b': [1, (2,)]}}",
    "datetime.date(2020,1,1)",
    "[0.1+0.2, 1e-20]",
    "{1:2,True:3}",
    "-0.0",
    "torch.arange(4).reshape(2,2)==1",
)
EXPECTED = (torch.eye(2), 1, 2.5, "x", {"a": 1}, (1, 2), [torch.ones(1)], True, None)


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    if not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
    with Warm() as warm:
        child = warm.start_child()
        yield Link(child, Clock(Limits(), file_end=monotonic() + 600))
        child.end()


def said(answer: Callable[[], Any], expected: Any) -> str:
    ask = Ask(answer, "answer", torch.Generator())
    try:
        ask.expect("a case", ask("a case"), expected)
    except CheckFailed as failure:
        return str(failure)
    except RemoteError as error:
        return f"{error.name}: {error}"
    except Exception as error:  # noqa: BLE001 it has to be the same in both ways
        return f"{type(error).__name__}: {error}"
    return "right"


@pytest.mark.filterwarnings("ignore")
def test_both_ways_say_the_same_of_odd_values(link: Link):
    here: dict[str, Any] = {"__name__": "__main__"}
    exec(CODE, here)
    assert link.run(CODE) == (None, "")
    for value in VALUES:
        code = f"def answer():\n    return {value}"
        exec(code, here)
        link.run(code)
        there = link.describe("answer")
        for expected in EXPECTED:
            assert said(there, expected) == said(here["answer"], expected), value
