# tries: sends handles of objects that are no numbers, or belong to another task
# assignment: 94_objects
# answers: wrong
# fair: 0 0 0 0
# %% own
import itertools, sys
child = sys.modules["course_grading.isolation.child"]
odd = itertools.cycle([None, -1, 10**30, [], {}, "x", (1,), float("nan"), True])
real = child.Server.send
def send(self, answer):
    if "object" in answer:
        answer |= {"object": next(odd), "is": "function", "value": next(odd)}
    for name in ("inputs", "parameters", "steps"):
        if name in answer:
            answer[name] = next(odd)
    real(self, answer)
child.Server.send = send
