"""How much a lesson computes, and where."""

import os
from typing import Literal, get_args

import torch

Budget = Literal["smoke", "laptop", "gpu"]


def choose_budget() -> Budget:
    """The budget that COURSE_BUDGET names; without it "gpu" if there is one.

    Otherwise "laptop". Raises ValueError if COURSE_BUDGET names none.
    """
    asked = os.environ.get("COURSE_BUDGET", "")
    budgets: tuple[Budget, ...] = get_args(Budget)
    for budget in budgets:
        if asked == budget:
            return budget
    if asked:
        raise ValueError(
            f"COURSE_BUDGET is {asked!r}, but one of {', '.join(budgets)} was "
            "expected: set it to one of these, or unset it"
        )
    return "gpu" if torch.cuda.is_available() else "laptop"


def choose_device() -> torch.device:
    """The GPU if there is one that CUDA can use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
