# tries: nothing: the same in other forms
# assignment: 94_objects
# fair: 1 2 3 4
# %% answer Counter
import dataclasses
@dataclasses.dataclass
class Counter:
    count: int
    def add(self, more):
        self.count = self.count + more
        return self.count
# %% answer Scale
class Inner(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.register_parameter("factor", torch.nn.Parameter(torch.tensor([factor])[0]))
    def forward(self, x):
        return (torch.diag(x) @ self.factor.expand(2)).clone()
def Scale(factor):
    return Inner(factor)
# %% answer cube
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x * x * x
    @staticmethod
    def backward(context, upstream):
        (x,) = context.saved_tensors
        return 3 * x * x * upstream
cube = Cube.apply
# %% answer sides
def sides(a, b):
    return [a + a, torch.arange(0) if a is None else torch.tensor((a, b))]
