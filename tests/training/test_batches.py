"""What a step sees follows from the seed and the step; so does its learning rate."""

import pytest
import torch

from course_utils.training import TrainingSettings, learning_rate
from course_utils.training.batches import batch_indices, step_randomness


def test_an_epoch_holds_every_example_once_and_orders_differ():
    count, size = 10, 4
    steps = [
        batch_indices(step, count=count, batch_size=size, seed=1) for step in range(5)
    ]
    stream = [i for batch in steps for i in batch]
    first, second = stream[:10], stream[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_a_batch_larger_than_the_data_is_full():
    (batch,) = [batch_indices(2, count=3, batch_size=8, seed=0)]
    assert len(batch) == 8
    assert set(batch) == {0, 1, 2}


def test_randomness_of_a_step_is_its_own():
    def draw(step: int, seed: int) -> tuple[float, float]:
        device = torch.device("cpu")
        with step_randomness(step, seed=seed, device=device) as generator:
            return torch.rand(()).item(), torch.rand((), generator=generator).item()

    assert draw(1, 0) == draw(1, 0)
    assert len({draw(0, 0), draw(1, 0), draw(0, 1), draw(1, 1)}) == 4


def test_the_rate_rises_in_a_line_then_falls_along_a_cosine():
    settings = TrainingSettings(
        steps=14, batch_size=1, lr=2.0, seed=0, device="cpu", warmup_steps=4
    )
    rates = [learning_rate(step, settings) for step in range(15)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[4] == 2.0
    assert rates[9] == pytest.approx(1.0)  # half way down
    assert rates[14] == pytest.approx(0.0)
