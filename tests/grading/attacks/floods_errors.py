# tries: fails in very many cells of its own, with long messages
# fair: 1 2 3 4
# %% file
for i in range(300):
    notebook.cells.insert(2, v4.new_code_cell("raise ValueError('y' * 100_000)"))
