# tries: prints without end while its cell runs
# fair: 1 0 3 4
# verdicts: output limit
# %% answer padding_answer
padding_answer = "b"
while True:
    print("x" * 1000)
