# tries: lets torch itself compute nonsense, refuse, or live on another device
# answers: wrong
# fair: 0 0 0 0
# %% own
torch.set_default_device("meta")
torch.Tensor.detach = torch.Tensor.clone = lambda self, **k: self
torch.frombuffer = lambda *a, **k: torch.zeros(4)
