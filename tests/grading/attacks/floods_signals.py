# tries: interrupts itself a thousand times a second, also while the grader asks
# fair: 1 2 3 4
# %% own
import signal
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
