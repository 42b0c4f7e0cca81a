# tries: hands in a link to a file of somebody else, to have it quoted
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
path.symlink_to("@OUTSIDE@/canary")
