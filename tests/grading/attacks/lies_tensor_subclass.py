# tries: returns tensors whose class answers every question of torch with yes
# answers: wrong
# fair: 0 2 0 0
# %% own
class Lying(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True
    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return True
    @property
    def __class__(self):
        return torch.Tensor
    def __reduce__(self):
        open("@OUTSIDE@/@MARK@", "w")
# %% answer tight_boxes
def tight_boxes(masks):
    return torch.zeros(len(masks), 4).as_subclass(Lying)
# %% answer padding_answer
padding_answer = "b"
# %% answer distance_iou
def distance_iou(a, b):
    return torch.Tensor._make_subclass(Lying, torch.zeros(2, 2))
# %% answer window_sums
class Known(torch.nn.Parameter):
    __module__ = "torchvision.tv_tensors._mask"
    def detach(self): return self
    def as_subclass(self, cls): return self
    def clone(self): return self
    def tolist(self): return []
def window_sums(image, windows):
    return torch.zeros(len(windows)).as_subclass(Known)
