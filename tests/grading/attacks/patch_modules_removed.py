# tries: throws away every module of the course that is loaded
# fair: 1 2 3 4
# %% own
import sys
for name in [n for n in sys.modules if n.startswith("course_utils")]:
    del sys.modules[name]
