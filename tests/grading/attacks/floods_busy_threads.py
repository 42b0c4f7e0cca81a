# tries: keeps all processors busy with threads of torch, also after its last cell
# fair: 1 2 3 4
# %% own after window_sums
import threading
def burn():
    while True:
        torch.rand(300, 300) @ torch.rand(300, 300)
for _ in range(30):
    threading.Thread(target=burn, daemon=True).start()
