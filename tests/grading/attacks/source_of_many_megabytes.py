# tries: own cells larger than what can be sent, beside right answers
# fair: 1 2 3 4
# %% file
notebook.cells.insert(2, v4.new_code_cell("x = '" + "é" * 1_700_000 + "'"))
