# tries: sleeps in so many cells that the whole class would wait
# fair: 0 0 0 0
# seconds: 4
# %% own
pass
# %% file
for i in range(60):
    notebook.cells.insert(2, v4.new_code_cell("import time\ntime.sleep(1.5)"))
