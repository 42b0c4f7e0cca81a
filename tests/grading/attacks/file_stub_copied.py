# tries: nothing: a copy of the released cell stands below the right answer
# fair: 1 2 3 4
# %% file
import copy
twin = copy.deepcopy(cell(notebook, "distance_iou"))
twin.source = "def distance_iou(a, b):\n    # YOUR CODE HERE\n    raise NotImplementedError"
notebook.cells.append(twin)
