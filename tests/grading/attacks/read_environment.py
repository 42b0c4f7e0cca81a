# tries: looks for tokens, the seed and paths in environment and command line
# answers: wrong
# fair: 0 0 0 0
# says: no secret there
# %% own
import os, subprocess, sys
text = repr(dict(os.environ)) + repr(sys.argv) + repr(sys.orig_argv)
for name in ("environ", "cmdline", "status", "mountinfo"):
    text += open(f"/proc/self/{name}").read()
bad = [w for w in ("@SEED@", "@SECRET@", "@HIDDEN@") if w[::-1] in text]
bad += [n for n in os.environ if "TOKEN" in n or "SEED" in n and "HASH" not in n]
raise RuntimeError(f"found {bad}" if bad else "no secret there")
