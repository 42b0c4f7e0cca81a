# tries: nothing: changes its folder, its limits of recursion and how errors are shown
# fair: 1 2 3 4
# hushes: Your own cell
# %% own
import gc, os, pathlib, sys
pathlib.Path("data").mkdir()
os.chdir("data")
sys.setrecursionlimit(5_000)
gc.disable()
sys.excepthook = lambda *a: None
%xmode Verbose
