# tries: nothing: it prints one very long line in a right answer
# fair: 1 2 3 4
# %% own
print("x" * 30_000)
