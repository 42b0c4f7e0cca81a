"""Every attack gets what is fair, and the honest learner beside it is graded alike."""

import ast
import dataclasses
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from attack_base import HIDDEN, attacked_assignment, objects_assignment
from attack_files import Attack, all_attacks, write_submission
from small_assignment import small_assignment

import course_utils
from course_grading.grade import grade_isolated
from course_grading.isolation.layers import broken_promises
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import Limits
from course_grading.running.verdict import Grade

LIMITS = Limits(
    cell=1, call=1, task=2.5, total=10, memory_mb=512, output_kb=64, file_mb=8
)
HONEST_PATIENCE = 10  # on a busy machine nobody honest should run out of time
TIMES = ("cell", "call", "task", "total")
SEED = 7318460925173846
MARK = "left-by-an-attack"
SECRET = "a-secret-of-another-learner"
REPOSITORY = Path(course_utils.__file__).parents[1]
CHECKS = sorted((REPOSITORY / "course_utils" / "checks").rglob("*.py"))
# As text and, where somebody has imported them, compiled.
HIDDEN_FILES = sorted(
    str(path)
    for folder in ("course_utils/checks", "course_grading")
    for path in (REPOSITORY / folder).rglob("*.py*")
)
# An attack knows the words that it looks for backwards, or it would find itself.
BACKWARDS = {
    "HIDDEN": HIDDEN[::-1],
    "SEED": str(SEED)[::-1],
    "SECRET": SECRET[::-1],
    # From the cases of a check, its oracle, and the solution of an assignment.
    "CASE": "the kernel does not fit"[::-1],
    "ORACLE": "with a loop over the pixels"[::-1],
    "SOLUTION": "Rows 1, 4 and 5 are hits"[::-1],
}
ASSIGNMENTS = {
    "90_small": small_assignment,
    "93_attacked": attacked_assignment,
    "94_objects": objects_assignment,
}
TASKS = ("tight_boxes", "distance_iou", "window_sums")


def find_oracles() -> list[tuple[str, str, str]]:
    """The functions that know the right answers: name, module and file."""
    found = []
    for path in CHECKS:
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.endswith(TASKS):
                found.append((node.name, module.removesuffix(".__init__"), str(path)))
    return [each for each in found if not each[0].startswith("check_")]


ORACLES = find_oracles()
ATTACKS = all_attacks()
HONEST = Attack("honest", {"tries": "nothing"}, [])


@dataclasses.dataclass
class Arena:
    """Where attacks happen, and what they must not touch.

    Attributes:
        warm: the one warm process.
        folder: where releases and submissions are.
        listener: a server on this computer that nobody should reach.
    """

    warm: Warm
    folder: Path
    listener: socket.socket
    count: int = 0

    @property
    def outside(self) -> Path:
        """A folder that everybody may write, as the system sees it, with one file."""
        return self.folder / "outside"

    def submit(self, attack: Attack) -> Path:
        """Write what a learner hands in, into a folder of its own."""
        words = BACKWARDS | {
            "OUTSIDE": str(self.outside),
            "RELEASES": str(self.folder / "releases"),
            "REPOSITORY": str(REPOSITORY),
            "PORT": str(self.listener.getsockname()[1]),
            "MARK": MARK,
            "GRADER": str(os.getpid()),
            "HIDDEN_FILES": repr(HIDDEN_FILES),
            "ORACLES": repr(ORACLES),
        }
        name = f"{attack.assignment}.ipynb"
        notebook = nbformat.read(self.folder / "releases" / name, as_version=4)
        self.count += 1
        path = self.folder / f"submission-{self.count}" / name
        path.parent.mkdir()
        write_submission(attack, notebook, path, words)
        return path

    def grade(self, path: Path, patience: float = 1) -> Grade:
        """The grade of a submission, with the time limits multiplied by `patience`."""
        times = {name: patience * getattr(LIMITS, name) for name in TIMES}
        limits = dataclasses.replace(LIMITS, **times)
        released = self.folder / "releases"
        return grade_isolated(
            path, warm=self.warm, released=released, limits=limits, seed=SEED
        )

    def family(self) -> list[str]:
        """The warm process and whatever came of it: all know its folder."""
        found = []
        for process in psutil.process_iter():
            try:
                knows = str(self.warm.folder / "work") in process.environ().values()
                if knows and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {process.name()} {process.status()}")
            except (psutil.Error, OSError):
                continue
        return found

    def written_outside(self) -> list[str]:
        """What attacks left in folders that are not theirs."""
        library, python = Path(course_utils.__file__).parent, Path(os.__file__).parent
        folders = [
            *(Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/"), Path.home()),
            *(Path.cwd(), REPOSITORY, library, python, Path(nbformat.__file__).parent),
            *(self.folder, *self.folder.iterdir()),
        ]
        found = [str(p) for f in folders if f.is_dir() for p in f.glob(f"*{MARK}*")]
        canary = self.outside / "canary"
        if [*self.outside.iterdir()] != [canary] or canary.read_text() != SECRET:
            found.append(str(canary))
        return found


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("arena")
    (folder / "releases").mkdir()
    for name, make in ASSIGNMENTS.items():
        nbformat.write(make(), folder / "releases" / f"{name}.ipynb")
    (folder / "outside").mkdir()
    (folder / "outside").chmod(0o777)
    (folder / "outside" / "canary").write_text(SECRET)
    if not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        patch.setenv("SECRET_TOKEN", SECRET)
        listener.settimeout(0)
        # The grader keeps the time; what the children's wardens allow comes later.
        with Warm(limits=dataclasses.replace(LIMITS, total=1000)) as warm:
            child = warm.start_child()
            child.end()
            if broken := broken_promises(child.layers):
                missing = [each.name for each in child.layers if not each.active]
                pytest.skip(f"{missing} are missing, so {'; '.join(broken)} is not so")
            yield Arena(warm, folder, listener)


@pytest.fixture(scope="module")
def honest(arena: Arena) -> tuple[Path, list[Any]]:
    """The honest learner's file, and its results before anything happened."""
    path = arena.submit(HONEST)
    return path, told(arena.grade(path, HONEST_PATIENCE))


def told(grade: Grade) -> list[Any]:
    """What a grade says of each task, without times."""
    return [(r.name, r.score, r.verdict, r.message) for r in grade.results]


def words_of(grade: Grade) -> str:
    """All that a grade says."""
    return "\n".join([grade.problem, *grade.notes, *(r.message for r in grade.results)])


def file_state(path: Path) -> Any:
    """What must not change about a submission and its folder."""
    stat = path.lstat()
    return stat.st_mtime_ns, stat.st_size, stat.st_mode, [*path.parent.iterdir()]


def test_the_honest_learner_gets_all_points(honest):
    assert [score for _, score, _, _ in honest[1]] == [1, 2, 3, 4]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(attack: Attack, arena: Arena, honest):
    path = arena.submit(attack)
    before = file_state(path)
    patience = float(attack.header.get("patience", 1))
    grade = arena.grade(path, patience)
    if is_starved(attack, grade):
        grade = arena.grade(path, patience * HONEST_PATIENCE)
    assert_fair(attack, grade)
    assert file_state(path) == before
    assert told(arena.grade(honest[0], HONEST_PATIENCE)) == honest[1]
    assert_nobody_is_left(arena)
    assert arena.written_outside() == []
    with pytest.raises(BlockingIOError):
        arena.listener.accept()


def is_starved(attack: Attack, grade: Grade) -> bool:
    """Whether time ran out for what should have had enough, as on a busy machine.

    More points than are fair are no such case.
    """
    is_late = any(r.verdict in ("time limit", "not run") for r in grade.results)
    more = [r.score > fair for r, fair in zip(grade.results, attack.fair, strict=False)]
    if not is_late or any(more):
        return False
    try:
        assert_fair(attack, grade)
    except AssertionError:
        return True
    return False


def assert_fair(attack: Attack, grade: Grade) -> None:
    """The points, the verdicts, and words that help without giving anything away."""
    said = words_of(grade)
    assert [result.score for result in grade.results] == attack.fair, said
    kinds = [result.verdict for result in grade.results if not result.score]
    assert kinds == (attack.verdicts or kinds), said
    assert attack.header.get("says", "") in said
    assert attack.header.get("reviews", "") in grade.review
    assert not (attack.is_honest and grade.review)
    for secret in (attack.header.get("hushes", SECRET), HIDDEN, str(SEED), SECRET):
        assert secret not in said
    assert len(said) < 20_000
    assert "\x1b" not in said


def assert_nobody_is_left(arena: Arena) -> None:
    """Only the warm process itself goes on living."""
    deadline = time.monotonic() + 60
    while len(alive := arena.family()) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(alive) == 1, alive
    assert arena.warm.process.poll() is None


def test_there_are_enough_attacks_and_each_says_what_is_fair():
    assert len(ATTACKS) >= 60
    for attack in ATTACKS:
        assert attack.header["tries"]
        assert len(attack.fair) == 4


def test_the_words_looked_for_are_where_they_should_be():
    checks = "".join(path.read_text(encoding="utf-8") for path in CHECKS)
    solutions = (REPOSITORY / "solutions").glob("01_*.ipynb")
    solution = "".join(path.read_text(encoding="utf-8") for path in solutions)
    for name, text in {"CASE": checks, "ORACLE": checks, "SOLUTION": solution}.items():
        assert BACKWARDS[name][::-1] in text
    for task in TASKS:
        assert any(name.endswith(task) for name, _, _ in ORACLES)
