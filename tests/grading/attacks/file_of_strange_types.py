# tries: puts numbers, lists and nothing where a notebook has text
# fair: 1 2 3 4
# %% file
import json
data = json.loads(json.dumps(notebook))
strange = [None, 5, "cell", [], {}, {"cell_type": 7}, {"cell_type": "code"},
    {"cell_type": "code", "source": {"a": 1}, "metadata": []},
    {"cell_type": "code", "source": [1, None, ["x"]], "metadata": {"nbgrader": "x"}},
    {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": 5}}}]
data["cells"] += strange
data["nbformat_minor"] = "5"
path.write_text(json.dumps(data))
