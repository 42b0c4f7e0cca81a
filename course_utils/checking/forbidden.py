"""Switching off, for a moment, the functions that would answer for the learner."""

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import Any

from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Whatever is defined in these packages is off in every task: the checks too, for they
# hold the oracles.
ALWAYS_OFF = (
    "torchvision.ops",
    "course_utils.ops",
    "course_utils.metrics",
    "course_utils.models",
    "course_utils.checks",
)
ALWAYS_ON = ("course_utils.models.model",)  # every model of a learner's is one


class ForbiddenCallError(Exception):
    """The answer called a function that does the whole task."""

    def __init__(self, name: str) -> None:
        """Say it of the function with this dotted name."""
        super().__init__(
            f"{name} is switched off in this task: write the steps yourself"
        )


@contextmanager
def switched_off(names: Sequence[str]) -> Iterator[None]:
    """Inside, calling one of `names` or a function of ALWAYS_OFF raises.

    It does so however the function was imported: Python functions get another body,
    functions and operators of torch are stopped in its dispatcher, and other functions
    written in C are replaced on their module or class.

    Args:
        names: dotted names, such as "torch.nn.functional.smooth_l1_loss" or
            "torch.Tensor.unfold".
    """
    functions: dict[int, FunctionType] = {}
    in_c: dict[Any, str] = {}
    with ExitStack() as stack:
        stack.enter_context(codes_replaced(functions_of(ALWAYS_OFF)))
        for name in names:
            owner, attribute = owner_of(name)
            value = getattr(owner, attribute)
            if isinstance(value, FunctionType):
                functions[id(value)] = value
            else:
                in_c[value] = name
                stack.enter_context(attribute_replaced(owner, attribute, name))
        stack.enter_context(codes_replaced(tuple(functions.values())))
        if in_c:  # looking at every call of torch takes time
            stack.enter_context(TorchFunctionsOff(in_c))
        stack.enter_context(TorchvisionOperatorsOff())  # type: ignore[no-untyped-call]
        yield


class TorchFunctionsOff(TorchFunctionMode):
    """Raises where one of these functions of torch is called, under any name."""

    def __init__(self, names: dict[Any, str]) -> None:
        """Keep the functions and their names."""
        super().__init__()
        self.names = names

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        """Call the function unless it is off."""
        if func in self.names:
            raise ForbiddenCallError(self.names[func])
        return func(*args, **(kwargs or {}))


class TorchvisionOperatorsOff(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raises where a compiled operator of torchvision is called, under any name."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Let torch leave out a wrapper that takes longer than what it wraps."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call the operator unless it is torchvision's."""
        if func.namespace == "torchvision":
            raise ForbiddenCallError(f"torch.ops.{func}")
        return func(*args, **(kwargs or {}))


def load(packages: Sequence[str]) -> None:
    """Import these packages whole, so that an import in an answer finds them here."""
    for package in packages:
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            importlib.import_module(module.name)


@functools.cache
def functions_of(packages: tuple[str, ...]) -> tuple[FunctionType, ...]:
    """Every function and method defined in the modules of these packages."""
    load(packages)
    found = []
    for name, module in list(sys.modules.items()):
        is_inside = any(name == p or name.startswith(f"{p}.") for p in packages)
        if is_inside and name not in ALWAYS_ON:
            for value in list(vars(module).values()):
                if getattr(value, "__module__", None) == name:
                    members = vars(value).values() if inspect.isclass(value) else ()
                    found += [value, *members]
    return tuple(value for value in found if isinstance(value, FunctionType))


def blocker(name: str) -> FunctionType:
    """A function that says that `name` may not be called here."""
    # The name stands in the code itself, because a code object brings no closure.
    namespace: dict[str, Any] = {}
    source = (
        "def blocked(*args, **kwargs):\n"
        "    from course_utils.checking.forbidden import ForbiddenCallError\n"
        f"    raise ForbiddenCallError({name!r})\n"
    )
    exec(source, namespace)
    blocked: FunctionType = namespace["blocked"]
    return blocked


@functools.cache
def blocked_code(name: str, variables: tuple[str, ...]) -> CodeType:
    """The body of a blocker, for a function with these variables in its closure."""
    return blocker(name).__code__.replace(co_freevars=variables)


@functools.lru_cache(maxsize=64)
def blocked_codes(functions: tuple[FunctionType, ...]) -> tuple[CodeType, ...]:
    """The bodies that these functions have while they are off."""
    return tuple(
        blocked_code(
            f"{function.__module__}.{function.__qualname__}",
            function.__code__.co_freevars,
        )
        for function in functions
    )


@contextmanager
def codes_replaced(functions: tuple[FunctionType, ...]) -> Iterator[None]:
    """Make Python functions raise, whatever names they were imported under."""
    blocked = blocked_codes(functions)
    originals = [function.__code__ for function in functions]
    try:
        for function, code in zip(functions, blocked, strict=True):
            function.__code__ = code
        yield
    finally:
        for function, code in zip(functions, originals, strict=True):
            function.__code__ = code


@contextmanager
def attribute_replaced(owner: Any, name: str, label: str) -> Iterator[None]:
    """Make a function written in C raise, where it is looked up on its owner."""
    original = getattr(owner, name)
    is_inherited = name not in vars(owner)
    setattr(owner, name, blocker(label))
    try:
        yield
    finally:
        if is_inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


@functools.cache
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
