"""Budget and device: by name, or after the machine."""

import pytest
import torch

from course_utils.training import choose_budget, choose_device


@pytest.mark.parametrize("budget", ["smoke", "laptop", "gpu"])
def test_the_budget_can_be_named(budget: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COURSE_BUDGET", budget)
    assert choose_budget() == budget


def test_without_a_name_the_budget_follows_the_machine(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("COURSE_BUDGET", raising=False)
    for has_gpu, budget, device in [(True, "gpu", "cuda"), (False, "laptop", "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda has_gpu=has_gpu: has_gpu)
        assert choose_budget() == budget
        assert choose_device() == torch.device(device)


def test_an_unknown_budget_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COURSE_BUDGET", "large")
    with pytest.raises(ValueError, match=r"'large'.*smoke, laptop, gpu"):
        choose_budget()
