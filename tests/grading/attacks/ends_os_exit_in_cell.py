# tries: ends its process while its cell runs
# fair: 0 2 3 4
# verdicts: crash
# %% answer tight_boxes
import os
os._exit(0)
