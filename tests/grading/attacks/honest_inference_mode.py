# tries: nothing: switches gradients off and inference mode on for the whole notebook
# fair: 1 2 3 4
# %% own
torch.set_grad_enabled(False)
mode = torch.inference_mode()
mode.__enter__()
torch.set_printoptions(precision=2)
torch.use_deterministic_algorithms(True)
