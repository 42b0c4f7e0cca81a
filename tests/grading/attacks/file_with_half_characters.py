# tries: puts characters that cannot be encoded, and zero bytes, into its code
# answers: right
# fair: 1 2 0 4
# %% answer distance_iou
def distance_iou(a, b):
    return "HALF"
# %% file
import json
where = cell(notebook, "distance_iou")
where.source = where.source.replace("HALF", chr(0xD800) + chr(0))
path.write_text(json.dumps(notebook))
