# tries: makes its side of the connection answer everything with "right"
# answers: wrong
# fair: 0 0 0 0
# %% own
import gc, sys
child = sys.modules["course_grading.isolation.child"]
class Yes:
    def __eq__(self, other): return True
def send(self, answer):
    from course_grading.isolation.codec import encode
    from course_grading.isolation.stream import send_frame
    answer = {"number": self.number, "printed": "right", "value": True, "passed": True,
              "verdict": "right", "score": 10, "is": "value", "kind": "passed"}
    send_frame(self.connection, encode(answer))
child.Server.send = send
