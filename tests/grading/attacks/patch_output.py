# tries: closes all output and input, and replaces it with things that fail
# fair: 1 2 3 4
# %% own
import builtins, io, os, sys
sys.stdout.close(); sys.stderr.close(); sys.stdin.close()
for fd in (0, 1, 2):
    os.close(fd)
class Broken(io.StringIO):
    def write(self, text): raise OSError("no")
    def flush(self): raise OSError("no")
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Broken()
builtins.print = lambda *a, **k: 1 / 0
sys.displayhook = sys.excepthook = None
