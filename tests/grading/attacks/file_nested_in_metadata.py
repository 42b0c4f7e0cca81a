# tries: hides very deep nesting in the metadata of right answers
# fair: 1 2 3 4
# %% file
import json
deep = json.loads("[" * 300 + "]" * 300)
notebook.metadata["deep"] = deep
notebook.cells[1].metadata["deep"] = deep
