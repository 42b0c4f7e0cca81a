# tries: an answer larger than what can be sent
# fair: 1 0 3 4
# %% file
cell(notebook, "padding_answer").source = "padding_answer = '" + "é" * 1_700_000 + "'"
