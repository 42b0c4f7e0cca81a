"""The filter of system calls: a list of what numeric Python needs, and nothing else.

libseccomp compiles it (through pyseccomp). A call that is not on the list answers as on
a kernel that does not have it, so that libraries go on without it.
"""

import contextlib
import ctypes
import errno
import socket
import tempfile
from typing import Any

from course_grading.isolation.kernel import libc, raise_on_error

SET_SECCOMP, FILTER_MODE = 22, 2
INSTRUCTION = 8  # bytes
THREAD = 0x00010000  # of clone(2)
NAMESPACES = 0x7E020080  # of clone(2)
TERMINAL_GET, TERMINAL_SIZE, READABLE = 0x5401, 0x5413, 0x541B
NOT_BLOCKING, CLOSE, NO_CLOSE = 0x5421, 0x5451, 0x5450
SET_NAME, GET_NAME, GET_DUMPABLE, NAME_MEMORY = 15, 16, 3, 0x53564D41
HAS_BOUND, GET_SECCOMP, GET_NO_NEW_PRIVILEGES = 23, 21, 39
PIPE_SIZES, FILE_LOCKS = (1031, 1032), (36, 37, 38)
DUPLICATE = 1030


def names(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


FILES = names("""
read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 open openat
openat2 creat close close_range stat fstat lstat newfstatat fstatat64 statx statfs
fstatfs lseek _llseek access faccessat faccessat2 readlink readlinkat getdents
getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat
renameat2 link linkat symlink symlinkat truncate ftruncate fallocate fsync fdatasync
sync_file_range flock dup dup2 dup3 fadvise64 readahead sendfile copy_file_range
umask pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl
epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 timerfd_create timerfd_settime
timerfd_gettime
""")
MEMORY = names("""
mmap mmap2 munmap mprotect mremap madvise brk msync mincore mlock munlock membarrier
get_mempolicy
""")
THREADS_AND_TIME = names("""
futex futex_waitv rseq set_robust_list get_robust_list set_tid_address arch_prctl
sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler
sched_setscheduler sched_get_priority_max sched_get_priority_min getpriority getcpu
clock_gettime
clock_getres clock_nanosleep nanosleep gettimeofday time times getitimer setitimer
alarm timer_create timer_settime timer_gettime timer_getoverrun timer_delete
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend
sigaltstack pause restart_syscall exit exit_group wait4 waitid
""")
ABOUT = names("""
getpid gettid getppid getuid geteuid getgid getegid getgroups getresuid getresgid
getpgrp getpgid getsid capget getrlimit getrusage sysinfo uname getrandom
""")
# On sockets that the process was given. None may be set to hold more, for what it holds
# is memory that no limit counts.
TALKING = names("""
accept accept4 recvfrom recvmsg shutdown getsockopt getsockname getpeername
""")
# Where their flags are. Data out of band has let processes out of such filters before.
SENDING = {"sendto": 3, "sendmsg": 2}
ALLOWED = (*FILES, *MEMORY, *THREADS_AND_TIME, *ABOUT, *TALKING)

# These say clearly that they are forbidden: a learner may meet them.
FORBIDDEN = names("""
fork vfork execve execveat socket connect bind listen ptrace
process_vm_readv process_vm_writev unshare setns mount umount2 pivot_root chroot
setuid setgid setpgid setsid setpriority tkill rt_sigqueueinfo rt_tgsigqueueinfo
pidfd_open pidfd_send_signal pidfd_getfd reboot
""")
# Landlock does not know these. Copying files calls them, and goes on as if they did it.
WITHOUT_EFFECT = names("""
chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat
utimensat
""")
UNSUPPORTED = names("""
getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr
fsetxattr removexattr lremovexattr fremovexattr
""")
# A call that does more than one thing: which argument says what, and what it may say.
CHOICES = {
    "ioctl": (
        1,
        (TERMINAL_GET, TERMINAL_SIZE, READABLE, NOT_BLOCKING, CLOSE, NO_CLOSE),
    ),
    "fcntl": (1, (*range(8), DUPLICATE, *PIPE_SIZES, *FILE_LOCKS)),
    "prctl": (
        0,
        (
            *(SET_NAME, GET_NAME, GET_DUMPABLE, NAME_MEMORY),
            *(HAS_BOUND, GET_SECCOMP, GET_NO_NEW_PRIVILEGES),
        ),
    ),
    "prlimit64": (0, (0,)),
    "socketpair": (0, (int(socket.AF_UNIX),)),
}


def compiled(own: int) -> bytes:
    """The filter as the kernel takes it, for the process with the number `own`.

    Raises ImportError or RuntimeError where pyseccomp or libseccomp is missing.
    """
    import pyseccomp

    built = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    with contextlib.suppress(OSError):  # libseccomp before 2.5
        built.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)
    for group, action in (
        (ALLOWED, pyseccomp.ALLOW),
        (FORBIDDEN, pyseccomp.ERRNO(errno.EPERM)),
        (WITHOUT_EFFECT, pyseccomp.ERRNO(0)),
        (UNSUPPORTED, pyseccomp.ERRNO(errno.ENOTSUP)),
    ):
        for name in group:
            add(built, action, name)
    for name, (argument, values) in CHOICES.items():
        for value in values:
            add(built, pyseccomp.ALLOW, name, low_half(argument, value))
    for name, flags in SENDING.items():
        in_band = pyseccomp.Arg(flags, pyseccomp.MASKED_EQ, int(socket.MSG_OOB), 0)
        add(built, pyseccomp.ALLOW, name, in_band)
    add_clone(built)
    add_signals(built, own)
    with tempfile.TemporaryFile() as file:
        built.export_bpf(file)
        file.seek(0)
        return file.read()


def add(built: Any, action: int, name: str, *arguments: Any) -> None:
    """One rule; a call that this architecture does not have needs none."""
    with contextlib.suppress(OSError, ValueError):
        built.add_rule(action, name, *arguments)


def low_half(argument: int, value: int) -> Any:
    """That an argument of 32 bits, in a register of 64, has this value."""
    import pyseccomp

    return pyseccomp.Arg(argument, pyseccomp.MASKED_EQ, 0xFFFFFFFF, value)


def add_clone(built: Any) -> None:
    """Allow threads; forbid processes. clone3 hides its arguments and is not there."""
    import pyseccomp

    thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, THREAD | NAMESPACES, THREAD)
    process = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, THREAD, 0)
    add(built, pyseccomp.ALLOW, "clone", thread)
    add(built, pyseccomp.ERRNO(errno.EPERM), "clone", process)


def add_signals(built: Any, own: int) -> None:
    """Allow signals to the process itself, and to nobody else."""
    import pyseccomp

    for name in ("kill", "tgkill"):
        is_itself = pyseccomp.Arg(0, pyseccomp.EQ, own)
        is_another = pyseccomp.Arg(0, pyseccomp.NE, own)
        add(built, pyseccomp.ALLOW, name, is_itself)
        add(built, pyseccomp.ERRNO(errno.EPERM), name, is_another)


class Program(ctypes.Structure):
    """A filter for prctl(2): the number of its instructions, and where they are."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def load(program: bytes) -> None:
    """Put this process under the filter, for good; raises OSError."""
    filtering = Program(len(program) // INSTRUCTION, program)
    address = ctypes.addressof(filtering)
    result = libc.prctl(
        SET_SECCOMP, ctypes.c_ulong(FILTER_MODE), ctypes.c_ulong(address), 0, 0
    )
    raise_on_error(result, "seccomp")


def prove() -> None:
    """Raise RuntimeError where a forbidden call works."""
    try:
        socket.socket().close()
    except PermissionError:
        return
    raise RuntimeError("a socket can still be made")
