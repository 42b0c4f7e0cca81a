# tries: never comes back from its cell, and serves the grader itself
# answers: wrong
# fair: 0 0 0 0
# %% own
import socket
from course_grading.isolation.codec import encode
from course_grading.isolation.stream import receive_frame, send_frame
connection = socket.socket(fileno=3)
number = None
import gc, sys
for value in gc.get_objects():
    if type(value).__name__ == "Server":
        number = value.number
send_frame(connection, encode({"number": number, "printed": ""}))
while True:
    request = receive_frame(connection, None)
    reply = {"number": request["number"], "printed": "", "steps": 0, "is": "function"}
    if request["do"] == "ask":
        question = request["question"]
        reply["value"] = torch.zeros(2, 2, requires_grad=True)
    send_frame(connection, encode(reply))
