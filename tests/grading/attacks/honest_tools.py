# tries: nothing: plots, timers, progress bars, files, threads and data frames
# fair: 1 2 3 4
# patience: 5
# hushes: Your own cell
# %% own
%matplotlib inline
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2, 3])
axes.set_title("ä ö ü")
plt.show()
# %% own
%time sum(range(1000))
%timeit -n 1 -r 1 sum(range(10))
# %% own
import json, pathlib, tempfile
pathlib.Path("notes.json").write_text(json.dumps({"a": 1}))
with tempfile.TemporaryDirectory() as folder:
    torch.save(torch.ones(3), f"{folder}/x.pt")
    assert torch.load(f"{folder}/x.pt").sum() == 3
# %% own
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    assert list(pool.map(abs, [-1, -2])) == [1, 2]
# %% own
from torch.utils.data import DataLoader, TensorDataset
for (batch,) in DataLoader(TensorDataset(torch.arange(8)), batch_size=4, shuffle=True):
    batch.sum()
# %% own
torch.nn.Conv2d(1, 2, 3)(torch.zeros(1, 1, 8, 8)).sum().backward()
torch.testing.assert_close(torch.ones(2), torch.ones(2))
