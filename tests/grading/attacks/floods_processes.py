# tries: forks and starts processes without end
# fair: 1 2 3 4
# says: none was started
# %% own
import ctypes, multiprocessing, os, subprocess
started = []
for _ in range(50):
    try:
        if os.fork() == 0:
            while True:
                pass
        started.append("fork")
    except OSError:
        pass
libc = ctypes.CDLL(None)
for call, arguments in ((57, ()), (58, ()), (435, (0, 0))):  # fork, vfork, clone3
    if libc.syscall(call, *arguments) > 0:
        started.append(call)
for start in (
    lambda: subprocess.Popen(["sleep", "600"], start_new_session=True),
    lambda: os.posix_spawn("/bin/sleep", ["sleep", "600"], {}),
    lambda: os.system("sleep 600 &") and 1 / 0,
    lambda: os.execv("/bin/sleep", ["sleep", "600"]),
    lambda: multiprocessing.get_context("fork").Process(target=print).start(),
):
    try:
        start()
        started.append(start)
    except (OSError, ZeroDivisionError, RuntimeError):
        pass
raise RuntimeError(f"started {started}" if started else "none was started")
