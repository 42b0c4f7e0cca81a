# tries: answers whose signature, name or type hangs, lies or fails when looked at
# fair: 0 2 0 0
# %% own
class Odd:
    def __call__(self, *a, **k): return torch.zeros(1)
    @property
    def __signature__(self): raise SystemExit
    @property
    def __name__(self): return 10**50
    @property
    def __class__(self): raise KeyboardInterrupt
    def __getattr__(self, name): raise MemoryError
    def __repr__(self): raise SystemExit
    def __bool__(self): raise SystemExit
class Meta(type):
    def __call__(cls, *a): raise RuntimeError("no instances")
    def __instancecheck__(cls, other): return True
    def __eq__(cls, other): return True
    def __hash__(cls): return 1
    @property
    def __module__(cls): raise SystemExit
class Strange(metaclass=Meta):
    pass
# %% answer tight_boxes
tight_boxes = Odd()
# %% answer distance_iou
distance_iou = Strange
# %% answer window_sums
def window_sums(image, windows): return image
window_sums.__signature__ = "no signature"
window_sums.__name__ = "x" * 1000
