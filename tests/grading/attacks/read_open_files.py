# tries: reads, seeks and lists every file descriptor that it inherited
# answers: wrong
# fair: 0 0 0 0
# says: only sockets and nothing
# %% own
import os, stat
odd = []
for fd in range(4096):
    try:
        kind = os.fstat(fd).st_mode
        name = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        continue
    if name == "/dev/null" or stat.S_ISSOCK(kind):
        continue
    if name.startswith(os.getcwd()) or "memfd" in name or stat.S_ISFIFO(kind):
        continue
    if "fd" in name or name.startswith("anon_inode"):
        continue
    odd.append((fd, name))
raise RuntimeError(f"open: {odd}" if odd else "only sockets and nothing")
