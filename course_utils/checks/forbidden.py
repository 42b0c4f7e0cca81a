"""Switching off, for a moment, the functions that would answer for the learner."""

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import Any

# Whatever is defined in these packages is off in every task.
ALWAYS_OFF = (
    "torchvision.ops",
    "course_utils.ops",
    "course_utils.metrics",
    "course_utils.models",
)
OPERATORS = ("nms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool")


class ForbiddenCallError(Exception):
    """The answer called a function that does the whole task."""


def blocker(name: str) -> Callable[..., Any]:
    """A function that says that `name` may not be called here."""
    # The name stands in the code itself, because a code object brings no closure.
    namespace: dict[str, Any] = {}
    source = (
        "def blocked(*args, **kwargs):\n"
        "    from course_utils.checks.forbidden import ForbiddenCallError\n"
        f"    raise ForbiddenCallError({name!r} + ' is switched off in this task: '\n"
        "        'write the steps yourself')\n"
    )
    exec(source, namespace)
    blocked: Callable[..., Any] = namespace["blocked"]
    return blocked


def functions_of(packages: Sequence[str]) -> Iterator[FunctionType]:
    """Every public function defined in the loaded modules of these packages."""
    for name, module in list(sys.modules.items()):
        if not any(name == p or name.startswith(f"{p}.") for p in packages):
            continue
        for value in list(vars(module).values()):
            defined_here = getattr(value, "__module__", None) == name
            if isinstance(value, FunctionType) and defined_here:
                yield value


@contextmanager
def code_replaced(function: FunctionType) -> Iterator[None]:
    """Make a Python function raise, whatever name it was imported under."""
    original: CodeType = function.__code__
    blocked = blocker(f"{function.__module__}.{function.__qualname__}").__code__
    # A closure must keep its number of free variables.
    function.__code__ = blocked.replace(co_freevars=original.co_freevars)
    try:
        yield
    finally:
        function.__code__ = original


@contextmanager
def attribute_replaced(owner: Any, name: str, label: str) -> Iterator[None]:
    """Make a function written in C raise, where it is looked up on its owner."""
    original = getattr(owner, name)
    setattr(owner, name, blocker(label))
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def switched_off(names: Sequence[str]) -> Iterator[None]:
    """Inside, calling one of `names` or a function of ALWAYS_OFF raises.

    Args:
        names: dotted names, such as "torch.nn.functional.smooth_l1_loss" or
            "torch.Tensor.unfold".
    """
    with ExitStack() as stack:
        seen: set[int] = set()
        for function in functions_of(ALWAYS_OFF):
            if id(function) not in seen:
                seen.add(id(function))
                stack.enter_context(code_replaced(function))
        import torch

        for operator in OPERATORS:
            if hasattr(torch.ops.torchvision, operator):
                label = f"torch.ops.torchvision.{operator}"
                stack.enter_context(
                    attribute_replaced(torch.ops.torchvision, operator, label)
                )
        for name in names:
            owner, attribute = owner_of(name)
            value = getattr(owner, attribute)
            if not isinstance(value, FunctionType):
                stack.enter_context(attribute_replaced(owner, attribute, name))
            elif id(value) not in seen:
                seen.add(id(value))
                stack.enter_context(code_replaced(value))
        yield


def owner_of(name: str) -> tuple[Any, str]:
    """The module or class that holds the dotted `name`, and its last part."""
    parts = name.split(".")
    for split in range(len(parts) - 1, 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for part in parts[split:-1]:
            owner = getattr(owner, part)
        return owner, parts[-1]
    raise ValueError(
        f"no module holds {name!r}: give a dotted name such as 'torch.sum'"
    )
