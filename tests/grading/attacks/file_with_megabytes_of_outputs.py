# tries: nothing: a right notebook with very large outputs
# fair: 1 2 3 4
# %% file
for each in notebook.cells:
    if each.cell_type == "code":
        each.outputs = [v4.new_output("stream", text="x" * 1_000_000)]
