# tries: never ends inside one instruction of the interpreter
# fair: 0 2 3 4
# verdicts: time limit
# %% answer tight_boxes
def tight_boxes(masks):
    import re
    re.match("(a+)+$", "a" * 60 + "b")
    return 3 ** 10**9
