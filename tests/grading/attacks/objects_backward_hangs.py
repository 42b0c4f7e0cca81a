# tries: never comes back from the backward pass
# assignment: 94_objects
# fair: 1 2 0 4
# verdicts: time limit
# %% answer cube
class Slow(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x**3
    @staticmethod
    def backward(context, upstream):
        while True:
            pass
cube = Slow.apply
