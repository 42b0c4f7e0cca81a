"""The library of the course Boxes to Meshes. Import it before torch.

PyTorch's threads wait for each other many thousand times a second, and by default they
spin while they wait. Where another program needs one of the cores, a thread then spins
for the whole time slice of that program, and training takes several times as long. So
threads go to sleep after a short while. OpenMP reads this when torch is loaded:
GOMP_SPINCOUNT (rounds of a loop) on Linux, KMP_BLOCKTIME (milliseconds) on macOS and
Windows. Whoever has set one of them keeps it.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("KMP_BLOCKTIME", "1")
