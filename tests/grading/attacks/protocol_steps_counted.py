# tries: loops over windows, and takes away the function that would count its steps
# fair: 1 2 3 0
# verdicts: wrong
# says: a loop over windows
# %% answer window_sums
import sys
def window_sums(image, windows):
    sums = [image[y1:y2, x1:x2].sum() for x1, y1, x2, y2 in windows.tolist()]
    return torch.stack(sums) if sums else torch.zeros(0)
