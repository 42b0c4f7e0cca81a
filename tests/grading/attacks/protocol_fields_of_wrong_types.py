# tries: fills each field of its answers with something of the wrong type
# answers: wrong
# fair: 0 0 0 0
# %% own
import random, sys
child = sys.modules["course_grading.isolation.child"]
from course_grading.isolation.codec import encode
from course_grading.isolation.stream import send_frame
odd = [None, -1, 10**900, [], {}, {"a": {}}, (1,), "x" * 9999, "\ud800", torch.zeros(2), ...,
       float("nan"), {"error": [], "message": 5, "kinds": [["x"], "eval", "exit", "type"]},
       {"error": "StopIteration", "message": "", "kinds": ["StopIteration"]},
       {"error": "E", "message": "", "kinds": ["ExceptionGroup"]},
       {"error": "E", "message": "m", "kinds": ["UnicodeDecodeError", "ExceptionGroup"]},
       {"error": "KeyboardInterrupt", "message": "", "kinds": ["KeyboardInterrupt"]}]
pick = random.Random(5)
def send(self, answer):
    fields = ("printed", "value", "is", "problem", "text", "steps", "object", "inputs",
              "parameters", "raised")
    answer = {name: pick.choice(odd) for name in fields if pick.random() < 0.5}
    try:
        frame = encode(answer | {"number": self.number})
    except Exception:
        frame = encode({"number": self.number, "value": 5})
    send_frame(self.connection, frame)
child.Server.send = send
