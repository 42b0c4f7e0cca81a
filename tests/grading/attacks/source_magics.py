# tries: cells and answers made of the shell's own commands
# fair: 1 2 3 4
# %% own
%%capture out
print("x")
# %% own
%load @OUTSIDE@/canary
# %% own
%edit x
# %% own
%debug
# %% own
%%script python
print(1)
# %% own
%autoreload 2
# %% own
%reset -f
# %% own
input("your name? ")
# %% own
%history -g
# %% own
%%javascript
alert(1)
# %% own
%store
# %% own
%cd /
# %% own
%logstart @MARK@
# %% own
import torch
from torch import Tensor
