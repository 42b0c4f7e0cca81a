# tries: lets the system hold a gigabyte for it, in the buffers of sockets
# fair: 1 2 3 4
# patience: 10
# says: held little
# %% own
import socket
held, pairs = 0, []
try:
    while True:
        pairs.append(socket.socketpair())
        for end in pairs[-1]:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
            except OSError:
                pass
            end.setblocking(False)
            try:
                while True:
                    held += end.send(bytes(1 << 16))
            except BlockingIOError:
                pass
except OSError:  # no further descriptors
    pass
raise RuntimeError("held little" if held < 1 << 26 else f"held {held >> 20} MB")
