"""A run that was stopped and resumed ends with the same weights, or is refused."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from training_cases import Classifier, assert_same_weights, examples, fit, jitter

from course_utils.training import TrainingSettings, train


class Killed(BaseException):
    """Stands for what ends a process between two steps."""


class Mortal(list):  # type: ignore[type-arg]
    """Examples that end the run when the step that is given begins."""

    def __init__(self, dies_at: int, batch_size: int = 4) -> None:
        super().__init__(examples())
        self.reads_left = dies_at * batch_size

    def __getitem__(self, index: Any) -> Any:
        if self.reads_left == 0:
            raise Killed
        self.reads_left -= 1
        return super().__getitem__(index)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("dies_at", range(1, 12))
def test_killed_at_any_step_and_resumed_it_ends_with_the_same_weights(
    dies_at: int, optimizer: str, tmp_path: Path
):
    path = tmp_path / "run.pt"
    whole, history = fit(optimizer=optimizer)
    kept = {"checkpoint": path, "checkpoint_every": 1, "optimizer": optimizer}
    with pytest.raises(Killed):
        fit(Mortal(dies_at), **kept)
    resumed, again = fit(**kept)
    assert_same_weights(whole, resumed)
    assert history == again


def test_a_checkpoint_written_now_and_then_also_resumes_to_the_same_weights(
    tmp_path: Path,
):
    path = tmp_path / "run.pt"
    whole, _ = fit()
    reads = Mortal(9)
    with pytest.raises(Killed):
        fit(reads, checkpoint=path, checkpoint_every=5)
    assert len(torch.load(path, weights_only=True)["history"]) == 5
    resumed, _ = fit(checkpoint=path, checkpoint_every=5)
    assert_same_weights(whole, resumed)


PROGRAM = """
import os, sys
from pathlib import Path
from training_cases import fit

calls = []

def wait_at_the_fifth(number):
    calls.append(number)
    if len(calls) == 5:
        print("writing", flush=True)
        sys.stdin.read()

os.fsync = wait_at_the_fifth
fit(steps=8, checkpoint=Path(sys.argv[1]), checkpoint_every=1)
"""


def test_a_process_killed_while_it_writes_leaves_a_checkpoint_that_resumes(
    tmp_path: Path,
):
    path = tmp_path / "run.pt"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.kill()
    assert len(list(tmp_path.glob("*.part"))) == 1
    assert len(torch.load(path, weights_only=True)["history"]) == 4
    resumed, _ = fit(steps=8, checkpoint=path, checkpoint_every=8)
    whole, _ = fit(steps=8)
    assert_same_weights(whole, resumed)


def test_a_finished_run_is_loaded_without_a_step(tmp_path: Path):
    path = tmp_path / "run.pt"
    whole, history = fit(checkpoint=path)
    loaded, again = fit(checkpoint=path)
    assert_same_weights(whole, loaded)
    assert again == history
    assert again.seconds == history.seconds


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 0.2}, "lr was 0.1 and is 0.2 now"),
        ({"steps": 13}, "steps was 12 and is 13 now"),
        ({"seed": 4}, "seed was 3 and is 4 now"),
        ({"optimizer": "adamw"}, "optimizer was 'sgd' and is 'adamw' now"),
        ({"augment": None}, "augment was 'jitter'"),
        ({"dataset": examples(11)}, "examples was 10 and is 11 now"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    change: dict[str, Any], words: str, tmp_path: Path
):
    path = tmp_path / "run.pt"
    fit(checkpoint=path)
    with pytest.raises(ValueError, match=words):
        fit(checkpoint=path, **change)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path):
    path = tmp_path / "run.pt"
    fit(checkpoint=path)
    wider = Classifier()
    wider.layers[-1] = nn.Linear(6, 5)
    settings = {"steps": 12, "batch_size": 4, "lr": 0.1, "seed": 3, "device": "cpu"}
    settings |= {"augment": jitter, "warmup_steps": 3, "checkpoint": path}
    with pytest.raises(ValueError, match=r"model was '.*parameters"):
        train(wider, examples(), TrainingSettings(**settings))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path):
    path = tmp_path / "run.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
        fit(checkpoint=path)


def test_no_half_written_file_stays_behind(tmp_path: Path):
    fit(checkpoint=tmp_path / "new" / "run.pt", checkpoint_every=1)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["run.pt"]
