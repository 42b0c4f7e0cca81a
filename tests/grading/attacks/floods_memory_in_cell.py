# tries: takes all memory while its cell runs
# fair: 1 0 3 4
# verdicts: memory limit
# patience: 5
# %% answer padding_answer
padding_answer = "b" * (1 << 34)
