# tries: puts gradients where autograd would, without differentiating anything right
# assignment: 94_objects
# answers: wrong
# fair: 0 0 0 0
# %% answer cube
class Zero(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x**3
    @staticmethod
    def backward(context, upstream):
        return torch.zeros_like(upstream)
def cube(x):
    x.grad = torch.ones_like(x)
    return Zero.apply(x)
# %% answer Scale
class Scale(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))
    def forward(self, x):
        return self.factor.detach() * x + 0 * self.factor
    def named_parameters(self, *a, **k):
        yield "factor", torch.tensor(21.0)
