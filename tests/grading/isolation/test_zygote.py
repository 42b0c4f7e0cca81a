"""The warm process as graders use it: all libraries in memory, and no check."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from inside import STAND_IN, ask

from course_grading.isolation.warm import PREPARE, Child, Warm

ROOT = Path(__file__).parents[3]
CHECKS = ROOT / "course_utils" / "checks"
LIMITS_MODULE = "course_grading.running.outcome"


@pytest.fixture(scope="module")
def warm_all() -> Iterator[Warm]:
    with Warm(serve=STAND_IN, prepare=PREPARE) as warm:
        yield warm


@pytest.fixture(scope="module")
def child(warm_all: Warm) -> Iterator[Child]:
    child = warm_all.start_child()
    yield child
    child.end()


def modules(child: Child, *packages: str) -> dict[str, str]:
    """The modules of packages in the child's memory, with their files."""
    code = f"""
import sys
value = {{name: getattr(module, '__file__', None) or ''
         for name, module in sys.modules.items()
         if any(f'{{name}}.'.startswith(f'{{p}}.') for p in {packages!r})}}
"""
    found: dict[str, str] = ask(child, code)
    return found


def test_every_layer_is_there_or_says_why(child: Child):
    assert all(layer.active or layer.reason for layer in child.layers)


def test_libraries_are_in_memory(child: Child):
    found: list[str] = ask(child, "import sys; value = list(sys.modules)")
    assert {"torch", "torchvision", "numpy", "matplotlib.pyplot", "IPython"} <= {*found}


def test_no_check_is_in_memory(child: Child):
    found = modules(child, "course_utils.checks")
    assert set(found.values()) <= {""}  # a placeholder comes from no file


def test_a_check_that_is_imported_is_a_placeholder(child: Child):
    folders = sorted(path.parent.name for path in CHECKS.glob("*/__init__.py"))
    assert folders
    code = f"""
import importlib
value = [type(importlib.import_module('course_utils.checks.' + name).check_it).__name__
         for name in {folders!r}]
"""
    assert ask(child, code) == ["Placeholder"] * len(folders)


def test_of_the_grader_only_what_locks_it_in_is_in_memory(child: Child):
    loaded = modules(child, "course_grading", "proof")
    inside = {"course_grading", "course_grading.running", LIMITS_MODULE}
    isolation = {n for n in loaded if f"{n}.".startswith("course_grading.isolation.")}
    assert loaded.keys() - isolation <= inside


def test_no_line_of_an_oracle_or_solution_is_in_memory(warm_all: Warm, child: Child):
    secrets = secret_lines()
    assert len(secrets) > 12
    warden = psutil.Process(warm_all.process.pid).children()[0]
    pid = warden.children()[0].pid
    memory = memory_of(pid)
    assert b"Raised by a test of this search" not in memory
    ask(
        child,
        "keep = ['Raised by a test', ' of this search']; import sys; "
        "sys.kept = ''.join(keep)",
    )
    assert b"Raised by a test of this search" in memory_of(pid)
    assert [line for line in secrets if line.encode() in memory] == []


def secret_lines() -> list[str]:
    """Some long lines that are in oracles and solutions and nowhere in the library."""
    texts = ["\n".join(path.read_text() for path in CHECKS.rglob("*.py")), ""]
    for path in (ROOT / "solutions").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        texts[1] += "\n".join("".join(cell["source"]) for cell in cells)
    library = "\n".join(
        path.read_text()
        for path in (ROOT / "course_utils").rglob("*.py")
        if not path.is_relative_to(CHECKS)
    )
    secrets: list[str] = []
    for text in texts:
        lines = {line.strip() for line in text.split("\n") if "return " in line}
        found = sorted(s for s in lines if len(s) > 45 and s not in library)
        secrets += found[:: max(len(found) // 8, 1)]
    return secrets


def memory_of(pid: int) -> bytes:
    """What a process has in its memory beside the data of shared libraries."""
    parts = []
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                place, rights, *rest = line.split()
                low, high = (int(each, 16) for each in place.split("-"))
                if "rw" in rights and (len(rest) == 3 or "[heap]" in line):
                    memory.seek(low)
                    parts.append(memory.read(high - low) or b"")
    except OSError as error:
        pytest.skip(f"the memory of a child cannot be read: {error}")
    return b"".join(parts)


def test_no_memory_is_shared_that_could_be_written(child: Child):
    code = """
value = [line for line in open('/proc/self/maps')
         if line.split()[1].endswith('s') and 'w' in line.split()[1]]
"""
    assert ask(child, code) == []


def test_one_thread_is_alive_before_the_first_cell(child: Child):
    assert ask(child, "import os; value = len(os.listdir('/proc/self/task'))") == 1
    assert ask(child, "import torch; value = torch.get_num_threads()") == 1


def test_ordinary_work_goes_on_under_all_layers(child: Child):
    code = """
import io, pathlib, random, tempfile, shutil, asyncio, threading
import matplotlib.pyplot as plt, numpy as np, torch, torchvision
figure, axes = plt.subplots()
axes.plot([1, 2], [3, 4]); axes.set_title('Grüße')
figure.savefig('figure.png'); figure.savefig(io.BytesIO(), format='pdf')
net = torch.nn.Conv2d(3, 4, 3)
net(torch.rand(1, 3, 9, 9)).sum().backward()
torch.save(net.state_dict(), 'net.pt')
net.load_state_dict(torch.load('net.pt'))
shutil.copy('net.pt', 'copy.pt'); shutil.copy2('net.pt', 'again.pt')
np.savez('numbers.npz', a=np.arange(3))
with tempfile.TemporaryDirectory() as name:
    pathlib.Path(name, 'x').write_text('x')
async def later():
    await asyncio.sleep(0)
    return 5
thread = threading.Thread(target=print); thread.start(); thread.join()
torchvision.ops.nms(torch.rand(4, 4), torch.rand(4), 0.5)
torch.linalg.svd(torch.rand(5, 5)); torch.fft.fft(torch.rand(8))
import importlib, colorsys, statistics, skimage.transform, scipy.ndimage
value = asyncio.run(later())
"""
    assert ask(child, code) == 5
