# tries: takes memory that no limit of a process counts: nameless files, shared segments
# fair: 1 2 3 4
# says: took little
# %% own
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
taken, kept = 0, []
try:
    for _ in range(100):
        kept.append(os.memfd_create("x"))
        for _ in range(8):
            taken += os.write(kept[-1], b"x" * (1 << 20))
except OSError:
    pass
libc.shmat.restype = ctypes.c_void_p
for key in range(100, 110):
    segment = libc.shmget(key, 1 << 24, 0o1666)
    place = libc.shmat(segment, None, 0) if segment >= 0 else None
    if place and place != ctypes.c_void_p(-1).value:
        ctypes.memset(place, 1, 1 << 24)
        libc.shmdt(ctypes.c_void_p(place))
        taken += 1 << 24
for fd in kept:
    os.close(fd)
little = taken < 1 << 26
raise RuntimeError("took little" if little else f"took {taken >> 20} MB")
