# tries: takes all memory by tensors
# fair: 0 2 3 4
# verdicts: memory limit
# patience: 5
# %% answer tight_boxes
def tight_boxes(masks):
    kept = []
    while True:
        kept.append(torch.ones(1 << 22))
