# tries: hands in a file that is no JSON
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
path.write_text("this is no notebook {{{")
