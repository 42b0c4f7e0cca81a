# tries: makes the reader of JSON run out of its stack
# fair: 0 0 0 0
# verdicts: not run, not run, not run, not run
# %% file
path.write_text('{"cells": ' + "[" * 200_000 + "]" * 200_000 + "}")
