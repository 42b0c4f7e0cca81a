# tries: makes objects that hold all memory, one after the other
# assignment: 94_objects
# fair: 0 2 3 4
# patience: 5
# verdicts: memory limit
# %% answer Counter
kept = []
class Counter:
    def __init__(self, count):
        while True:
            kept.append(bytearray(1 << 26))
