# tries: makes whoever parses its answers run out of stack, memory or patience
# answers: wrong
# fair: 0 0 0 0
# %% answer tight_boxes
tight_boxes = BOMB
# %% answer padding_answer
padding_answer = BOMB
# %% answer distance_iou
distance_iou = BOMB
# %% answer window_sums
window_sums = BOMB
# %% file
bombs = ("-" * 100_000 + "1", "(" * 50_000 + ")" * 50_000, "a" + ".a" * 50_000,
         "1" + "+1" * 100_000)
for name, bomb in zip(("tight_boxes", "padding_answer", "distance_iou", "window_sums"), bombs):
    cell(notebook, name).source = f"{name} = {bomb}"
