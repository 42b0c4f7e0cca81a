# tries: objects that are right when they are looked at first, and wrong later
# assignment: 94_objects
# answers: wrong
# fair: 0 0 0 4
# %% answer Counter
class Counter:
    def __init__(self, count):
        self.answers = iter([7, 0, 0])
    def add(self, more):
        return next(self.answers)
    @property
    def count(self):
        return 10
# %% answer Scale
class Scale(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))
    def forward(self, x):
        return 3 * x + 0 * self.factor
# %% answer cube
def cube(x):
    return x**3 - x + x.detach()
# %% answer sides
def sides(a, b):
    return 2 * a, torch.tensor([a, b])
