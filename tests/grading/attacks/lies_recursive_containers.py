# tries: answers with lists and dicts that hold themselves, or are nested very deeply
# answers: wrong
# fair: 0 0 0 0
# %% answer tight_boxes
def tight_boxes(masks):
    loop = []
    loop.append(loop)
    return loop
# %% answer padding_answer
padding_answer = {}
padding_answer["b"] = padding_answer
# %% answer distance_iou
def distance_iou(a, b):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep
# %% answer window_sums
def window_sums(image, windows):
    wide = [0]
    for _ in range(40):
        wide = [wide, wide]
    return wide
