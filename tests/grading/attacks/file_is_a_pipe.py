# tries: hands in a pipe, from which reading waits for ever
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
import os
os.mkfifo(path)
