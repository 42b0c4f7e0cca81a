"""Systems that lack layers: each is named, and nothing stays behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from inside import bare

from course_grading.isolation import layers as names

HERE = Path(__file__).parent
NAMESPACES = {
    *(names.USER, names.PROCESSES, names.NETWORK, names.IPC),
    *(names.MOUNTS, names.FOLDER, names.PROC, names.PROCESS_COUNT),
}
LANDLOCK = {names.LANDLOCK_FILES, names.LANDLOCK_NETWORK, names.LANDLOCK_SIGNALS}
FILE_PROMISES = {
    "it cannot read checks, solutions, other submissions or the home folder",
    "it cannot write outside its own folder",
}


@pytest.fixture(scope="module", autouse=True)
def _needs_every_layer() -> None:
    if sys.platform != "linux":
        pytest.skip("layers are taken away with a filter of Linux")
    with bare() as warm:
        child = warm.start_child()
        child.end()
    for each in child.layers:
        if not each.active:
            pytest.skip(f"{each.name}: {each.reason}")


def story_without(*missing: str) -> Any:
    root = str(HERE.parents[2])
    result = subprocess.run(
        [sys.executable, str(HERE / "without.py"), *missing],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("taken", "missing", "broken"),
    [
        ((), set(), set()),
        # As in a container, or where a setting forbids user namespaces.
        (("namespaces",), NAMESPACES, set()),
        # As on older kernels: a root of its own takes the place of Landlock.
        (("landlock",), LANDLOCK, set()),
        (("landlock", "mount_setattr", "pidfd"), LANDLOCK | {names.MOUNTS}, set()),
        (("seccomp",), {names.SECCOMP}, set()),
        (("pidfd",), set(), set()),
    ],
)
def test_what_is_missing_is_named_and_other_layers_keep_what_they_can(
    taken: tuple[str, ...], missing: set[str], broken: set[str]
):
    story = story_without(*taken)
    assert story["missing"].keys() == missing
    assert all(story["missing"].values())
    assert set(story["broken"]) == broken
    assert story["by_grader"]
    assert story["filled"] in ("OSError", "ended")
    assert story["left"] == []
    assert story["folder"] is False
    assert story["opened"] == []


def test_nothing_stays_behind_without_any_of_them():
    story = story_without("namespaces", "landlock", "seccomp", "pidfd", "careful")
    assert story["missing"].keys() == NAMESPACES | LANDLOCK | {names.SECCOMP}
    assert set(story["broken"]) > FILE_PROMISES
    assert story["left"] == []
    assert story["folder"] is False
