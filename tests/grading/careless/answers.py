"""Answers typed in other ways, and cells of the learner's own."""

from typing import Any

from small_assignment import RIGHT, STUBS

from .case import careless, cell, code, place


@careless()
def windows_line_ends(notebook: Any) -> None:
    """The cells were edited on Windows by a tool that keeps its line ends."""
    for each in notebook["cells"]:
        each["source"] = each["source"].replace("\n", "\r\n")


@careless()
def spaces_at_line_ends(notebook: Any) -> None:
    """An editor left spaces and empty lines behind."""
    for each in notebook["cells"]:
        each["source"] = each["source"].replace("\n", "  \n") + "\n\n\n"


@careless()
def formatted(notebook: Any) -> None:
    """A formatter went over all cells; the metadata got lost as well."""
    for each in notebook["cells"]:
        each["metadata"] = {}
        each["source"] = each["source"].replace("'", '"')


@careless()
def all_code_indented(notebook: Any) -> None:
    """The code was pasted with four spaces before each line, which Jupyter accepts."""
    cell(notebook, "add")["source"] = STUBS["add"]
    indented = "\n".join("    " + line for line in RIGHT["add"].splitlines())
    notebook["cells"].append(code(indented))


@careless()
def magics_in_answers(notebook: Any) -> None:
    """Lines of IPython stand in and around the answers."""
    cell(notebook, "double")["source"] = "%%time\n" + RIGHT["double"]
    cell(notebook, "add")["source"] = "%pwd\n" + RIGHT["add"] + "\nadd?"
    notebook["cells"].insert(2, code("%matplotlib inline\n!echo ready"))


@careless()
def a_lambda_for_a_function(notebook: Any) -> None:
    """The name is bound in another way than by def."""
    cell(notebook, "add")["source"] = "add = lambda a, b: a + b"
    cell(notebook, "last")["source"] = "import operator\nlast = operator.itemgetter(-1)"


@careless()
def the_stub_left_below_the_answer(notebook: Any) -> None:
    """The last line of the stub was not deleted."""
    cell(notebook, "add")["source"] = RIGHT["add"] + "\n    raise NotImplementedError"
    cell(notebook, "sides")["source"] = RIGHT["sides"] + "\nraise NotImplementedError"


@careless(double=0, says="not answered")
def one_task_left_open(notebook: Any) -> None:
    """One task was not done."""
    cell(notebook, "double")["source"] = STUBS["double"]


@careless(double=0, says="not answered")
def one_task_only_commented(notebook: Any) -> None:
    """A task was given up; what was tried stands in comments."""
    tried = STUBS["double"].replace("YOUR CODE HERE", "x + x ? no idea")
    cell(notebook, "double")["source"] = tried


@careless(double=0, says="SyntaxError")
def one_answer_breaks_off(notebook: Any) -> None:
    """An answer was left in the middle of a line."""
    cell(notebook, "double")["source"] = "def double(x):\n    return (2 *"


@careless(double=0, says="nothing is named double")
def one_name_misspelt(notebook: Any) -> None:
    """The function got another name; what the check asks for is not there."""
    cell(notebook, "double")["source"] = "def Double(x):\n    return 2 * x"


@careless()
def the_name_of_the_cell_misspelt(notebook: Any) -> None:
    """The id of a cell was changed in its metadata by hand."""
    cell(notebook, "add")["metadata"]["nbgrader"]["grade_id"] = "Add "


@careless()
def the_ids_shifted_by_one(notebook: Any) -> None:
    """A bad merge put each cell's metadata on the next one."""
    cells = notebook["cells"]
    marks = [each["metadata"] for each in cells]
    for each, metadata in zip(cells, marks[-1:] + marks[:-1], strict=True):
        each["metadata"] = metadata


@careless()
def the_same_id_everywhere(notebook: Any) -> None:
    """All cells were made as copies of one answer and then filled in."""
    for each in notebook["cells"]:
        if each["cell_type"] == "code":
            each["metadata"] = cell(notebook, "add")["metadata"]


@careless()
def tags_everywhere(notebook: Any) -> None:
    """Cells are tagged to be skipped, hidden and to raise."""
    for each in notebook["cells"]:
        each["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove_cell"]


@careless(says="raised ModuleNotFoundError")
def own_cells_that_fail(notebook: Any) -> None:
    """Cells for another computer, with errors, are still there."""
    drive = "from google.colab import drive\ndrive.mount('/content/drive')"
    notebook["cells"].insert(0, code(drive))
    notebook["cells"].insert(4, code("open('/home/me/data.csv')"))
    notebook["cells"].append(code("this is a note, not code"))


@careless()
def own_cells_that_shout(notebook: Any) -> None:
    """Warnings, error streams and long outputs."""
    loud = "import sys, warnings\nwarnings.warn('mind')\nprint('oh', file=sys.stderr)"
    notebook["cells"].insert(2, code(loud))
    cell(notebook, "add")["source"] += "\nprint('x' * 10_000)"


@careless()
def names_of_builtins_taken(notebook: Any) -> None:
    """A learner's own values are called as functions of Python are."""
    notebook["cells"].append(code("max, sum, list = 3, 4, [1]"))
    notebook["cells"].insert(2, code("id = 7\ninput = [1, 2]"))


@careless(double=0, says="double: received 5, expected 8")
def an_own_cell_takes_a_name(notebook: Any) -> None:
    """Between answer and check, the answer's name was given to something else."""
    spoilt = code("double = lambda x: 5")
    notebook["cells"].insert(place(notebook, "check_double"), spoilt)


@careless()
def an_answer_of_many_cells(notebook: Any) -> None:
    """An answer was built up in cells of one's own, above the cell that uses them."""
    at = place(notebook, "last")
    notebook["cells"][at:at] = [
        code("from collections import deque"),
        code("def newest(x):\n    return deque(x, maxlen=1)"),
    ]
    cell(notebook, "last")["source"] = "def last(x):\n    return newest(x)[0]"
