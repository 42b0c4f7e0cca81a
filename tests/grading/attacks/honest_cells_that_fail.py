# tries: nothing: has cells of its own that fail, or leave politely
# fair: 1 2 3 4
# says: ZeroDivisionError
# %% own
1 / 0
# %% own
this is not Python
# %% own after tight_boxes
exit()
# %% own after padding_answer
raise KeyboardInterrupt
# %% own after distance_iou
del undefined_name
