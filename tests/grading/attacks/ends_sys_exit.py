# tries: leaves Python politely in every way
# answers: wrong
# fair: 0 2 0 0
# %% answer tight_boxes
def tight_boxes(masks):
    import sys
    sys.exit(0)
# %% answer padding_answer
padding_answer = "b"
exit()
# %% answer distance_iou
quit()
# %% answer window_sums
raise SystemExit(0)
