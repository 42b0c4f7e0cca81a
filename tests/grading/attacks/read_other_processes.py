# tries: reads the grader's memory, environment, files and command line in /proc
# answers: wrong
# fair: 0 0 0 0
# says: nobody else was seen
# %% own
import os
seen = []
for pid in [*range(1, 400), @GRADER@]:
    if pid == os.getpid():
        continue
    for name in ("environ", "mem", "maps", "cmdline", "root/etc/passwd", "cwd"):
        try:
            open(f"/proc/{pid}/{name}", "rb").read(10)
            seen.append((pid, name))
        except OSError:
            pass
raise RuntimeError(f"seen: {seen}" if seen else "nobody else was seen")
