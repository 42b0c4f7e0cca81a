# tries: opens files until there are none left, and keeps them
# fair: 1 2 3 4
# %% own
kept = []
try:
    while True:
        kept.append(open("/dev/null"))
except OSError:
    for file in kept[-8:]:
        file.close()
    del kept[-8:]
assert len(kept) < 5_000
