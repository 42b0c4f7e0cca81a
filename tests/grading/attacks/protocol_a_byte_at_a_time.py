# tries: sends an endless answer, a byte at a time, so that no wait is long
# fair: 1 2 0 4
# verdicts: time limit
# %% answer distance_iou
import os, time
def distance_iou(a, b):
    os.write(3, b"\x00\x10\x00\x00")
    while True:
        os.write(3, b"x")
        time.sleep(0.05)
