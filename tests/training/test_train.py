"""The training loop learns, repeats, and stops with a reason."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from training_cases import (
    Classifier,
    assert_same_weights,
    examples,
    fit,
    short_settings,
)

from course_utils.models.model import Target
from course_utils.training import History, train
from course_utils.training.batches import batch_indices, load_batch, step_randomness


def test_it_learns_a_task_that_can_be_learned():
    _, history = fit(steps=60, augment=None)
    assert history[-1]["class"] < 0.5 < history[0]["class"]


def test_the_history_names_every_loss_and_their_sum():
    _, history = fit()
    assert len(history) == 12
    for row in history:
        assert row.keys() == {"class", "size", "total"}
        assert row["total"] == pytest.approx(row["class"] + row["size"], rel=1e-5)
    assert history.seconds > 0


def test_curves_are_running_means():
    history = History([{"total": 1.0}, {"total": 3.0}, {"total": 8.0}])
    assert history.curves() == {"total": [1.0, 3.0, 8.0]}
    assert history.curves(smooth=2) == {"total": [1.0, 2.0, 5.5]}
    assert History().curves() == {}
    with pytest.raises(ValueError, match="smooth is 0"):
        history.curves(smooth=0)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    first, history = fit()
    second, again = fit()
    other, _ = fit(seed=4)
    assert_same_weights(first, second)
    assert history == again
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)


def test_torchs_own_randomness_is_left_as_it_was():
    torch.manual_seed(11)
    model = Classifier()
    before = torch.get_rng_state()
    train(model, examples(), short_settings(steps=2, batch_size=3))
    assert torch.equal(before, torch.get_rng_state())


def test_it_leaves_the_model_ready_to_predict():
    model, _ = fit(steps=1)
    assert not model.training


class Diverging(Classifier):
    """Its loss, or only its gradient, stops being a number at the third step."""

    def __init__(self, *, in_gradient: bool) -> None:
        super().__init__()
        self.in_gradient, self.calls = in_gradient, 0

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        losses = super().losses(images, targets)
        self.calls += 1
        if self.calls == 3 and self.in_gradient:
            zero = 0 * losses["size"]
            return losses | {"box": zero.sqrt()}  # 0, with an infinite slope
        if self.calls == 3:
            return losses | {"box": losses["size"] * float("nan")}
        return losses


@pytest.mark.parametrize("in_gradient", [False, True])
def test_it_stops_at_a_loss_or_gradient_that_is_not_finite(in_gradient: bool):
    model = Diverging(in_gradient=in_gradient)
    words = "gradient is .*'box': 0" if in_gradient else "losses is nan.*'box': nan"
    with pytest.raises(FloatingPointError, match=f"step 2: the .* {words}"):
        train(model, examples(), short_settings(steps=5))
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_frozen_weights_stay_as_they_were():
    torch.manual_seed(0)
    model = Classifier()
    frozen = model.layers[0].requires_grad_(False)
    before = frozen.weight.clone()
    train(model, examples(), short_settings(steps=3))
    assert torch.equal(frozen.weight, before)


def test_a_long_gradient_is_scaled_down():
    moved = {}
    for max_norm in (1e-6, 10.0):
        torch.manual_seed(0)
        model = Classifier()
        start = model.layers[-1].weight.clone()
        settings = short_settings(lr=1.0, weight_decay=0.0, max_norm=max_norm)
        train(model, examples(), settings)
        moved[max_norm] = (model.layers[-1].weight - start).norm().item()
    assert moved[1e-6] <= 1e-6 < moved[10.0]


def test_the_constant_schedule_matches_torchs_optimizer():
    """Without warm-up and clipping a run is SGD on the same batches."""
    model, _ = fit(
        steps=5, schedule="constant", warmup_steps=0, max_norm=1e9, augment=None
    )
    torch.manual_seed(0)
    expected = Classifier().train()
    sgd = torch.optim.SGD(expected.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    for step in range(5):
        indices = batch_indices(step, count=10, batch_size=4, seed=3)
        with step_randomness(step, seed=3, device=torch.device("cpu")):
            images, targets = load_batch(examples(), indices)
            sgd.zero_grad()
            sum(expected.losses(images, targets).values()).backward()
        sgd.step()
    for a, b in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_tv_tensors_reach_the_model_as_plain_tensors():
    seen: list[type] = []

    class Spy(Classifier):
        def losses(self, images: Tensor, targets: Sequence[Target]) -> Any:
            seen.extend([type(images), type(targets[0]["boxes"])])
            return super().losses(images, targets)

    boxes = tv_tensors.BoundingBoxes(
        torch.zeros(1, 4), format="XYXY", canvas_size=(8, 8)
    )
    dataset = [
        (tv_tensors.Image(image), target | {"boxes": boxes})
        for image, target in examples()
    ]
    train(Spy(), dataset, short_settings(batch_size=2))
    assert seen == [Tensor, Tensor]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"steps": -1}, "steps is -1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"optimizer": "lion"}, "'lion', but one of sgd, adamw"),
        ({"schedule": "linear"}, "'linear', but one of cosine, constant"),
        ({"dataset": []}, "0 examples"),
        ({"dataset": [*examples(2), *examples(2, side=9)]}, "resize or crop"),
        ({"checkpoint_every": 0}, "checkpoint_every is 0"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        fit(**change)


def test_a_model_without_trainable_weights_is_refused():
    model = Classifier().requires_grad_(False)
    with pytest.raises(ValueError, match="unfreeze"):
        train(model, examples(), short_settings(batch_size=1))
