# tries: sleeps in so many cells that the whole class would wait
# patience: 0.3
# fair: 0 0 0 0
# %% own
pass
# %% file
for i in range(40):
    notebook.cells.insert(2, v4.new_code_cell("import time\ntime.sleep(0.2)"))
