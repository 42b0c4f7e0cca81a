# tries: nothing: computes in double precision by default, and stops on overflow
# fair: 1 2 3 4
# hushes: Your own cell
# %% own
import numpy as np
torch.set_default_dtype(torch.float64)
np.seterr(all="raise")
torch.autograd.set_detect_anomaly(True)
