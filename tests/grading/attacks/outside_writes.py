# tries: writes, links, renames and changes files outside its folder
# fair: 1 2 3 4
# says: nothing outside was changed
# %% own
import os, shutil, tempfile
import torch as library
done = []
home = os.path.expanduser("~root")
folders = ["/", "/tmp", "/var/tmp", "/run", "/home", "/root", home, "..",
           "@OUTSIDE@", "@RELEASES@", "@REPOSITORY@", "@REPOSITORY@/course_utils",
           os.path.dirname(os.__file__), os.path.dirname(library.__file__)]
canary = "@OUTSIDE@/canary"
def attempt(name, act):
    try:
        act()
        done.append(name)
    except OSError:
        pass
for folder in folders:
    attempt(folder, lambda: open(os.path.join(folder, "@MARK@"), "w").close())
    attempt(folder, lambda: os.mkdir(os.path.join(folder, "@MARK@-d")))
    attempt(folder, lambda: os.mkfifo(os.path.join(folder, "@MARK@-p")))
    attempt(folder, lambda: os.symlink("/", os.path.join(folder, "@MARK@-s")))
try:  # its own, seen by nobody else
    open("/dev/shm/@MARK@", "w").close()
except OSError:
    pass
before = os.stat(canary), os.stat("@OUTSIDE@")
for act in (lambda: os.utime(canary, (1, 1)), lambda: os.chmod(canary, 0),
            lambda: os.chmod("@OUTSIDE@", 0), lambda: os.chown(canary, 7, 7)):
    try:
        act()
    except OSError:
        pass
if (os.stat(canary), os.stat("@OUTSIDE@")) != before:
    done.append("mode, owner or times")
for act in (
    lambda: open(canary, "a").write("x"), lambda: os.remove(canary),
    lambda: os.rename(canary, canary + "2"),
    lambda: os.truncate(canary, 0), lambda: os.link(canary, "c"),
    lambda: os.setxattr(canary, "user.x", b"y"), lambda: shutil.rmtree("@OUTSIDE@"),
    lambda: open("/proc/self/root@OUTSIDE@/canary", "w"),
    lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/tmp/x"),
    lambda: open("/proc/sysrq-trigger", "w").write("b"),
    lambda: open("/proc/self/oom_score_adj", "w").write("-1000"),
):
    attempt(act.__code__.co_consts, act)
os.symlink("@OUTSIDE@/canary", "way")
attempt("way", lambda: open("way", "w"))
raise RuntimeError(f"changed {done}" if done else "nothing outside was changed")
