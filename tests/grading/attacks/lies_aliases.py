# tries: returns views of its input, changes its input, and puts it back later
# answers: wrong
# fair: 0 2 0 0
# %% answer tight_boxes
def tight_boxes(masks):
    masks.fill_(True)
    return torch.zeros(len(masks), 4)
# %% answer padding_answer
padding_answer = "b"
# %% answer distance_iou
def distance_iou(a, b):
    return a.T[:2].expand(2, len(a)) if len(a) else a
# %% answer window_sums
import threading, time
def window_sums(image, windows):
    kept = image.clone()
    image.zero_()
    def restore():
        time.sleep(0.05)
        image.copy_(kept)
    threading.Thread(target=restore, daemon=True).start()
    return torch.zeros(len(windows))
