# tries: sends descriptors, urgent bytes and credentials through the connection
# answers: wrong
# fair: 0 0 0 0
# %% own
import array, os, socket
connection = socket.socket(fileno=os.dup(3))
kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
for act in (
    lambda: socket.send_fds(connection, [b"\x00"], kept),
    lambda: connection.send(b"!", socket.MSG_OOB),
    lambda: connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30),
    lambda: connection.getsockopt(socket.SOL_SOCKET, 77, 64),
    lambda: connection.sendmsg([b"x" * 100], [(socket.SOL_SOCKET, 2, bytes(12))]),
):
    try:
        act()
    except (OSError, ValueError):
        pass
connection.detach()
