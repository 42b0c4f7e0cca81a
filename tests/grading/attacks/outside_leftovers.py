# tries: leaves processes and threads that go on after the notebook
# fair: 1 2 3 4
# %% own after window_sums
import os, subprocess, sys, threading, time
def stay():
    while True:
        time.sleep(0.1)
for _ in range(3):
    threading.Thread(target=stay).start()
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(1)
        os._exit(0)
except OSError:
    pass
try:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)  # @MARK@"],
                     start_new_session=True)
except OSError:
    pass
