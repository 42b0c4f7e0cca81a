# tries: lowers limits of its own process to nothing, and stops the interpreter's services
# answers: wrong
# fair: 0 0 0 0
# %% own
import gc, resource, sys, threading
sys.setrecursionlimit(60)
sys.setswitchinterval(1e6)
gc.set_threshold(1, 1, 1)
threading.setprofile(lambda *a: 1 / 0)
sys.setprofile(lambda *a: None)
sys.settrace(lambda *a: 1 / 0)
for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_STACK):
    resource.setrlimit(which, (0, 0))
