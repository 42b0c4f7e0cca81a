# tries: fills its folder with one large file, then with very many small ones
# fair: 1 2 3 4
# says: the disk said no
# %% own
import os
written, files = 0, 0
try:
    with open("large", "wb") as file:
        while written < 1 << 28:
            written += file.write(b"x" * (1 << 20))
except OSError:
    pass
os.remove("large")
try:
    for files in range(20_000):
        open(f"small{files}", "w").close()
except OSError:
    pass
for name in os.listdir("."):
    if name.startswith("small"):
        os.remove(name)
if written > 1 << 26:
    raise RuntimeError(f"wrote {written} bytes")
raise RuntimeError("the disk said no")
