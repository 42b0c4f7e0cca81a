# tries: hands in a link to a device that never ends
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
path.symlink_to("/dev/zero")
