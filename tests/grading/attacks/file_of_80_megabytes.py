# tries: makes the grader read a huge file
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
path.write_bytes(b'{"cells": [], "x": "' + b"a" * 80_000_000 + b'"}')
