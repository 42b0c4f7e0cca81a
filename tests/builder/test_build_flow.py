"""Building and checking a whole tiny course; it is executed once for all tests."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import typer
from nbformat import v4

import build as command
from builder import building
from builder.building import build
from builder.checking import problems
from builder.course import BuildError, select
from builder.execute import environment, execute
from builder.library import Library

ROOT = Path(__file__).resolve().parents[2]
LESSON = "source/lessons/01_twice.py"
LESSON_FILE = "notebooks/01_twice.ipynb"
SOLUTION_FILE = "solutions/01_thrice.ipynb"
RELEASE_FILE = "assignments/01_thrice.ipynb"
PRISTINE_FILE = "course_grading/released/01_thrice.ipynb"


def read(course, name):
    return nbformat.read(course.root / name, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def edit(course, name, old, new):
    path = course.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rebuild(course, *, force=False):
    library = Library(course.root, course.package)
    return [
        build(course, library, path, force=force, started=lambda *_: lambda: None)
        for path in select(course, [])
    ]


def found(course):
    library = Library(course.root, course.package)
    return list(problems(course, library, select(course, [])))


@pytest.fixture
def no_kernel(monkeypatch):
    """A kernel is not to be started: building without running is what is tested."""

    def refuse(*_, **__):
        raise BuildError("it ran")

    monkeypatch.setattr(building, "execute", refuse)


def test_a_lesson_is_executed_in_its_folder_at_the_laptop_budget(built):
    cells = code(read(built, LESSON_FILE))
    assert [cell.execution_count for cell in cells] == [1, 2, 3, 4, 5, 6]
    assert [output.name for output in cells[3].outputs] == ["stdout"]  # and no bar
    assert cells[3].outputs[0].text == "[0]\n[2]\nnotebooks\n".replace(
        "[]\n[]", "[0]\n[2]"
    )
    assert json.loads(cells[5].outputs[0].text.removeprefix("RESULT ")) == {
        "lesson": "01_twice",
        "budget": "laptop",
        "seconds": 1,
        "peak_memory_mb": 2,
    }
    assert cells[0].outputs == []  # the install cell finds the library


def test_an_expected_error_is_kept(built):
    (output,) = code(read(built, LESSON_FILE))[4].outputs
    assert (output.output_type, output.ename) == ("error", "TypeError")
    assert "/site-packages/" not in "".join(output.traceback)


def test_nothing_of_the_machine_is_in_the_files(built):
    for name in (LESSON_FILE, SOLUTION_FILE, RELEASE_FILE):
        notebook = read(built, name)
        assert "widget-view" not in nbformat.writes(notebook)
        known = {"kernelspec", "language_info"}
        assert set(notebook.metadata) - {"course"} == known
        allowed = {"tags", "nbgrader", "course"}
        assert all(set(c.metadata) <= allowed for c in notebook.cells)


def test_released_checks_alone_show_what_a_right_answer_prints(built):
    notebook = read(built, RELEASE_FILE)
    shown = {
        cell.metadata.nbgrader.grade_id: cell.outputs[0].text
        for cell in code(notebook)
        if cell.outputs
    }
    assert shown == {
        "check_thrice": "thrice: right\n",
        "check_answer": "answer: right.\n",
    }
    assert all(cell.execution_count is None for cell in code(notebook))
    release, pristine = (built.root / name for name in (RELEASE_FILE, PRISTINE_FILE))
    assert release.read_bytes() == pristine.read_bytes()


def test_a_built_course_has_nothing_to_mend_or_to_do(built, no_kernel):
    assert found(built) == []
    for done in rebuild(built):
        assert (done.seconds, done.written) == (None, ())


def test_an_edited_sentence_is_rebuilt_without_running(built, no_kernel):
    edit(built, LESSON, "How large", "How big")
    before = code(read(built, LESSON_FILE))
    assert found(built) == [
        "notebooks/01_twice.ipynb: cell 1 (`# 01. Twice`) differs from its source in "
        "id, source; run: python source/build.py 01_twice"
    ]
    assert rebuild(built)[0].written == (LESSON_FILE,)
    assert code(read(built, LESSON_FILE)) == before
    assert found(built) == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (LESSON, "range(2)", "range(3)"),
        ("course_utils/ops.py", "FACTOR * value", "value * FACTOR"),
        ("source/assignments/01_thrice.py", "answer == 42", "answer == 6 * 7"),
    ],
)
def test_changed_code_is_stale(built, no_kernel, name, old, new):
    edit(built, name, old, new)
    (problem,) = found(built)
    assert "differs from its source in id, source; run: python" in problem
    with pytest.raises(BuildError, match="it ran"):
        rebuild(built)


@pytest.mark.parametrize("name", ["checks/thrice/thrice", "checking/__init__"])
def test_a_changed_check_makes_its_assignment_stale(built, no_kernel, name):
    (built.root / f"course_utils/{name}.py").write_text("report = SAY = print\n")
    assert found(built) == [
        f"{SOLUTION_FILE}: its checks have changed since it ran; "
        "run: python source/build.py 01_thrice"
    ]
    with pytest.raises(BuildError, match="it ran"):
        rebuild(built)


def test_a_changed_check_of_another_assignment_does_not(built, no_kernel):
    (built.root / "course_utils/checks/other/__init__.py").write_text("x = 1\n")
    assert found(built) == []


def test_force_runs_what_is_not_stale(built, no_kernel):
    with pytest.raises(BuildError, match="it ran"):
        rebuild(built, force=True)


def test_a_full_build_empties_the_folder_of_results_that_later_ones_use(
    built, monkeypatch
):
    monkeypatch.setenv("COURSE_CACHE", "a learner's")
    assert environment(built, "private")["COURSE_CACHE"] == "a learner's"
    kept = built.results / "results.jsonl"
    order = []

    def note(notebook, name, *_, **__):
        order.append((name, kept.exists()))
        kept.write_text("a row")
        raise BuildError("it ran")

    monkeypatch.setattr(building, "execute", note)
    for names in ([], ["01_twice"]):
        with pytest.raises(typer.Exit):
            command.main(names, force=True, root=built.root)
    assert order == [(LESSON_FILE, False), (SOLUTION_FILE, True), (LESSON_FILE, True)]
    assert environment(built, "private")["COURSE_CACHE"] == str(built.results)


def test_a_failed_execution_leaves_every_file_as_it_was(built, no_kernel):
    files = [built.root / n for n in (SOLUTION_FILE, RELEASE_FILE, PRISTINE_FILE)]
    before = [file.read_bytes() for file in files]
    edit(built, "source/assignments/01_thrice.py", "answer == 42", "answer == 43")
    with pytest.raises(BuildError):
        rebuild(built)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (LESSON_FILE, "How large", "How LARGE", "cell 1 (`# 01. Twice`) differs"),
        (LESSON_FILE, "range(2)", "range(9)", "cell 5 (`from tqdm.auto import tqdm`)"),
        (LESSON_FILE, '"parameters"', '"other"', "cell 3 (`import os`) differs"),
        (LESSON_FILE, '"python3"', '"mine"', "its metadata or layout was changed"),
        (LESSON_FILE, '"execution_count": 2', '"execution_count": null', "never ran"),
        (LESSON_FILE, "RESULT {", "result {", "prints no `RESULT {json}`"),
        (LESSON_FILE, r"\"laptop\"", r"\"smoke\"", "RESULT is of 01_twice at smoke"),
        (SOLUTION_FILE, "fsum", "FSUM", "cell 5 (`def thrice(value: float)"),
        (RELEASE_FILE, "YOUR CODE HERE", "my code", "cell 5 (`def thrice"),
        (RELEASE_FILE, "thrice: right", "well done", "in outputs"),
        (PRISTINE_FILE, '"points": 6', '"points": 9', "cell 6 (`assert thrice(2)"),
    ],
)
def test_a_notebook_edited_by_hand_is_found(built, name, old, new, message):
    edit(built, name, old, new)
    (problem,) = found(built)
    assert problem.startswith(f"{name}: ")
    assert message in problem


def test_outputs_of_another_run_are_no_difference(built):
    edit(built, LESSON_FILE, '"[2]\\n"', '"[2.0]\\n"')
    assert found(built) == []


@pytest.mark.parametrize("name", [LESSON_FILE, SOLUTION_FILE, PRISTINE_FILE])
def test_a_missing_notebook_is_found(built, name):
    (built.root / name).unlink()
    (problem,) = found(built)
    assert problem.startswith(f"{name}: not built yet; run: python source/build.py 01_")


def test_a_solution_whose_check_printed_nothing_is_found(built):
    path = built.root / SOLUTION_FILE
    notebook = read(built, SOLUTION_FILE)
    code(notebook)[3].outputs = []
    path.write_text(nbformat.writes(notebook) + "\n")
    assert any(f"{SOLUTION_FILE}: its outputs are missing" in p for p in found(built))


def test_a_file_that_is_no_notebook_is_named(built):
    (built.root / LESSON_FILE).write_text("<<<<<<< HEAD\n")
    assert found(built) == [f"{LESSON_FILE}: not a notebook; delete it and build again"]


def test_a_cell_that_raises_is_named_with_the_end_of_its_error(course):
    sources = ["x = 1", "# divide\nx / 0", "x"]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    with pytest.raises(BuildError, match=r"^n\.ipynb, code cell 2 raised") as error:
        execute(notebook, "n.ipynb", course, course.root)
    assert error.match("# divide(.|\n)*ZeroDivisionError: division by zero$")


def test_the_command_line_checks_without_importing_torch(built):
    script = ROOT / "source" / "build.py"
    line = [sys.executable, "-X", "importtime", script, "--check"]
    line += ["--root", built.root]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("2 sources: all built")
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "jupytext" in imported
    assert "torch" not in imported


@pytest.mark.parametrize(
    ("names", "check", "line"),
    [
        ([], True, "notebooks/02_gone.ipynb: no source makes it; delete or move it"),
        (["01_twice"], True, "1 source: all built"),
        (["01_twice"], False, f"{LESSON}: outputs kept; nothing changed"),
        (
            ["absent"],
            False,
            "no source is called absent; there are: 01_thrice, 01_twice",
        ),
    ],
)
@pytest.mark.usefixtures("no_kernel")
def test_the_command_line_reports_and_fails_where_it_must(
    built, capsys, names, check, line
):
    (built.root / "notebooks" / "02_gone.ipynb").write_text("{}")
    with pytest.raises(typer.Exit) as end:
        command.main(names, check=check, root=built.root)
    assert any(each.startswith(line) for each in capsys.readouterr().out.splitlines())
    assert end.value.exit_code == (0 if names == ["01_twice"] else 1)
