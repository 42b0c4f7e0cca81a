"""What a learner wrote, in a process that tests ask questions."""

from time import monotonic

from course_grading.isolation.clock import Clock
from course_grading.isolation.remote import Link
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import Limits

LIMITS = Limits(cell=5, call=5, task=600, memory_mb=1024, output_kb=10)
CODE = """import collections, math, os, sys, time, threading
import numpy as np
import torch
from torch import nn

def smooth(x, scale=2.0):
    return (scale * x ** 2).sum(1), x.mean()

def squared(x, weight):
    return weight * x ** 2

def detached(x):
    return torch.tensor((x ** 2).tolist())

def wrong_shape(x):
    return x[:1] ** 2

def changes(x):
    x += 1
    return x

def empty(x):
    raise NotImplementedError

def raises(x):
    y = x.tolist()
    return y[99]

def prints(x):
    print("seen", x)
    sys.stderr.write("warned " * 10000)
    return x

def uses_nms(boxes, scores):
    from torchvision.ops import nms
    return nms(boxes, scores, 0.5)

def leaves(x):
    sys.exit()

class Block(nn.Module):
    def __init__(self, channels, *, bias=True):
        super().__init__()
        torch.manual_seed(channels)
        self.layer = nn.Linear(channels, 2, bias=bias)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.layer(x).relu()

    def twice(self, x):
        return self(x), self(x)

class Counter:
    def __init__(self, start):
        self.count = start

    def add(self, more):
        self.count += more
        return self.count

number, text, nothing, dots = 3, "three", None, ...
pair, mapping = (1, [2.5]), {"a": torch.ones(2)}
other = {1, 2}
lines = collections.namedtuple("Lines", "a b")(1, torch.zeros(1))
"""


def connected(warm: Warm) -> Link:
    """A process that has run this code."""
    link = Link(warm.start_child(), Clock(LIMITS, file_end=monotonic() + 600))
    assert link.run(CODE) == (None, "")
    return link
