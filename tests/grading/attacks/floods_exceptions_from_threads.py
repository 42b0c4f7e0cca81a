# tries: a thread raises interrupts in the main thread for ever
# answers: wrong
# fair: 0 0 0 0
# %% own
import _thread, threading, time
def interrupt():
    while True:
        _thread.interrupt_main()
        time.sleep(0.002)
threading.Thread(target=interrupt, daemon=True).start()
