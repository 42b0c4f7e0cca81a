# tries: takes all memory while its cell runs
# fair: 1 0 3 4
# verdicts: memory limit
# %% answer padding_answer
padding_answer = "b" * (1 << 34)
