# tries: hands in a folder with the name of a notebook
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
path.mkdir()
