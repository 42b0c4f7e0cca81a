# tries: answers with dicts whose keys collide, are tensors, or take for ever to compare
# answers: wrong
# fair: 0 0 0 0
# %% own
class Key:
    def __hash__(self): return 7
    def __eq__(self, other): return False
    def __repr__(self): raise SystemExit
# %% answer tight_boxes
def tight_boxes(masks):
    return {Key(): 1 for _ in range(300)}
# %% answer padding_answer
padding_answer = {torch.zeros(1): "b", ("b",): 1, None: 2, float("nan"): 3}
# %% answer distance_iou
def distance_iou(a, b):
    modulus = (1 << 61) - 1
    return {i * modulus: i for i in range(1, 3_000)}
# %% answer window_sums
def window_sums(image, windows):
    return {1: "a", True: "b", 1.0: "c", "1": "d"}
