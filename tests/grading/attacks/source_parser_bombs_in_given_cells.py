# tries: the same inside the cells of the assignment, which are compared with the release
# fair: 1 2 3 4
# %% file
cell(notebook, "given").source += "\n" + "y = " * 50_000 + "1"
cell(notebook, "check_tight_boxes").source = "x" + ".x" * 50_000
cell(notebook, "check_padding_answer").source += "\n" + "a = 1\n" * 20_000
cell(notebook, "check_distance_iou").source = "-" * 100_000 + "1"
cell(notebook, "check_window_sums").source += "\n" + "\n".join(f"b{i} = {i}" for i in range(9_000))
