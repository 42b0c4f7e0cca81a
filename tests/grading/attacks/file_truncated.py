# tries: nothing: the end of a right notebook was lost
# fair: 1 2 3 0
# %% file
import json
text = json.dumps(notebook, indent=1)
path.write_text(text[: text.index("table[1:, 1:]")])
