"""Reading the tasks of a source, and the list of equivalent mutants."""

import ast
from pathlib import Path

import pytest
from small_course import write_course

from proof.equivalents import essence, listed
from proof.mutants import mutants_of
from proof.script import SourceError, chosen, read


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_course(tmp_path)
    return tmp_path / "source/assignments/00_small.py"


def test_tasks_are_found_by_their_markers(source: Path):
    found = read(source)
    assert [task.name for task in found.tasks] == [
        "halves",
        "largest",
        "sizes",
        "letter",
    ]
    assert found.name == "small"
    first = found.tasks[0]
    lines = source.read_text().splitlines()[first.first - 1 : first.last]
    assert (lines[0].strip(), lines[-1].strip()) == ("count = 0", "return count")


def test_calls_of_checks_are_not_run(source: Path):
    given = ast.unparse(read(source).given)
    assert "import check_halves" in given
    assert "check_halves(halves)" not in given


@pytest.mark.parametrize("name", ["00", "small", "00_small", None])
def test_an_assignment_is_chosen_by_number_or_name(source: Path, name: str | None):
    assert chosen(source.parents[2], name) == [source]


@pytest.mark.parametrize(
    "text",
    [
        "# BEGIN SOLUTION\nx = 1\n",
        "x = 1\n# END SOLUTION\n",
        "# BEGIN SOLUTION\n# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n",
        "# BEGIN SOLUTION\nimport math\n# END SOLUTION\n",
    ],
)
def test_a_source_without_tasks_to_mutate_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "00_odd.py"
    path.write_text(text)
    with pytest.raises(SourceError):
        read(path)


def test_a_folder_without_sources_is_refused(tmp_path: Path):
    with pytest.raises(SourceError, match="no assignments' sources"):
        chosen(tmp_path, None)


def test_an_entry_holds_for_the_same_lines_wherever_they_stand(source: Path):
    entries = listed(source.parents[2] / "tests/checks/small/equivalent.toml")
    text = source.read_text()
    source.write_text(f"# a comment more\n\n{text}")
    mutants = mutants_of(read(source).tasks[1])
    (fits,) = [m for m in mutants if any(entry.is_that_of(m) for entry in entries)]
    assert fits.now == "return max([1, *values])"


@pytest.mark.parametrize("reason", ["", "reason = ' '\n"])
def test_an_entry_without_a_reason_is_refused(tmp_path: Path, reason: str):
    path = tmp_path / "equivalent.toml"
    path.write_text(f"[[task]]\nwas = 'a'\nnow = ['b']\n{reason}")
    with pytest.raises(ValueError, match="needs was, now and reason"):
        listed(path)


def test_no_list_means_no_equivalents(tmp_path: Path):
    assert listed(tmp_path / "equivalent.toml") == []


def test_what_versions_of_python_write_differently_is_the_same():
    assert essence("return (a, b[0, 'x'])") == essence('return a, b[(0, "x")]')
    assert essence("return a + b") != essence("return a - b")
