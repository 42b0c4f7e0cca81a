# tries: gives its check cells the ids of answers, and its answers those of checks
# answers: wrong
# fair: 0 0 0 0
# %% file
for each in notebook.cells:
    marks = each.metadata.get("nbgrader", {})
    if marks.get("solution"):
        marks["grade_id"] = "check_" + marks["grade_id"]
    elif marks.get("grade"):
        marks["grade_id"] = marks["grade_id"].removeprefix("check_")
