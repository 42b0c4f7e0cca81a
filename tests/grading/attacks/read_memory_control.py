# tries: finds a word of its own in memory, which shows that such a search would find others
# answers: wrong
# fair: 0 0 0 0
# patience: 20
# says: it was found
# %% answer distance_iou
kept = ["a word in ", "memory"]
kept.append("".join(kept))
def distance_iou(a, b):
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps.read().splitlines():
            area, rights, *rest = line.split()
            name = rest[-1] if len(rest) > 3 else ""
            if "r" not in rights or name.startswith(("[v", "/")):
                continue
            low, high = (int(end, 16) for end in area.split("-"))
            try:
                memory.seek(low)
                part = memory.read(high - low)
            except (OSError, ValueError, OverflowError):
                continue
            if part.find("".join(kept[:2]).encode()) >= 0:
                raise RuntimeError("it was found")
    return torch.zeros(len(a), len(b))
