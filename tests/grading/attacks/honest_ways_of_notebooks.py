# tries: nothing: imports a file that a cell wrote, compiles, uses the last output
# fair: 1 2 3 4
# patience: 20
# hushes: Your own cell
# %% own
%%writefile my_helpers.py
def half(x):
    return x / 2
# %% own
import faulthandler, sys
faulthandler.enable()
sys.stdout.fileno()
from my_helpers import half
assert half(4) == 2
# %% own
40 + 2
# %% own
last = _
assert last == 42
# %% answer tight_boxes
from my_helpers import half
@torch.compile
def tight_boxes(masks):
    boxes = torch.zeros(len(masks), 4)
    for box, mask in zip(boxes, masks):
        columns, rows = mask.any(dim=0).nonzero(), mask.any(dim=1).nonzero()
        if len(rows) > 0:
            corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            box[:] = half(2 * torch.tensor(corners))
    return boxes
# %% answer window_sums
def window_sums(image, windows):
    table = torch.nn.functional.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]
window_sums = torch.compile(window_sums)
# %% own after window_sums
%%python
print("in another process")
# %% own after window_sums
from multiprocessing.pool import ThreadPool
with ThreadPool(2) as pool:
    assert pool.map(abs, [-1, 2]) == [1, 2]
torch.ones(3).share_memory_()
# %% own after window_sums
import joblib
joblib.cpu_count()
for wish in ("threads", "processes"):
    joblib.Parallel(n_jobs=2, prefer=wish)(joblib.delayed(abs)(-i) for i in range(3))
