# tries: nothing: uses the names of the assignment for other things, once it is done
# fair: 1 2 3 4
# %% own after tight_boxes
tight_boxes = 5
del Tensor
# %% own after padding_answer
padding_answer = None
# %% own after distance_iou
check_window_sums = None
list = [1, 2]
