# tries: answers with NumPy arrays of objects, of records, and of numbers that overflow
# answers: wrong
# fair: 0 0 0 0
# %% own
import numpy as np
class Evil:
    def __eq__(self, other): return True
    def __reduce__(self): return (open, ("@OUTSIDE@/@MARK@", "w"))
# %% answer tight_boxes
def tight_boxes(masks):
    return np.array([Evil(), None], dtype=object)
# %% answer padding_answer
padding_answer = np.array(["b"], dtype=object)
# %% answer distance_iou
def distance_iou(a, b):
    return np.zeros(3, dtype=[("x", "f8"), ("y", object)])
# %% answer window_sums
def window_sums(image, windows):
    return np.lib.stride_tricks.as_strided(np.zeros(1), (10**9, 10**3), (0, 0))
