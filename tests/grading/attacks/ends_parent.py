# tries: kills its parent, its group, and everybody else
# answers: wrong
# fair: 0 0 0 0
# verdicts: wrong, wrong, wrong, wrong
# says: killed nobody
# %% own
import os, signal
killed = []
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for pid in (os.getppid(), -1, 0, @GRADER@, -@GRADER@, *range(2, 40)):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            if pid not in (0, os.getpid()) or number != signal.SIGKILL:
                os.kill(pid, number)
                if pid not in (0, -1):
                    killed.append(pid)
        except OSError:
            pass
raise RuntimeError(f"killed {killed}" if killed else "killed nobody")
