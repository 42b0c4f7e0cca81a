# tries: never ends in a cell between right answers
# fair: 1 2 3 4
# says: Your own cell
# %% own after padding_answer
while True:
    pass
