"""The whole environment of a learner's code: no token, no setting of the user's."""

import os
import tempfile
from pathlib import Path

# What a learner's code may see of the environment; tokens have other names.
VARIABLES = frozenset(
    {
        *("HOME", "TMPDIR", "USER", "LOGNAME", "PATH", "LANG", "LC_ALL", "LC_CTYPE"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "CUDA_VISIBLE_DEVICES"),
        *("MPLBACKEND", "MPLCONFIGDIR", "IPYTHONDIR", "PYTHONHASHSEED"),
        *("MALLOC_ARENA_MAX", "PYTHONMALLOC", "GLIBC_TUNABLES"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "__CF_USER_TEXT_ENCODING"),
        *("KMP_INIT_AT_FORK", "KMP_DUPLICATE_LIB_OK", "TORCHINDUCTOR_CACHE_DIR"),
        *("TORCH_COMPILE_DISABLE", "JOBLIB_MULTIPROCESSING"),
    }
)
FOLDERS = ("HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR")


def clean_environment(work: Path) -> dict[str, str]:
    """The whole environment of the warm process: no variable of the user's but two."""
    kept = {
        name: os.environ[name]
        for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
        if name in os.environ
    }
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    folders = dict.fromkeys(FOLDERS, str(work))
    return (
        kept
        | threads
        | folders
        | {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "USER": "learner",
            "LOGNAME": "learner",
            "MPLBACKEND": "Agg",
            "CUDA_VISIBLE_DEVICES": "",
            # No process may be started: nothing is compiled, or shared out.
            "TORCH_COMPILE_DISABLE": "1",
            "JOBLIB_MULTIPROCESSING": "0",
            "PYTHONHASHSEED": "0",
            # A thread may otherwise reserve 64 MB, which the memory limit counts.
            "MALLOC_ARENA_MAX": "2",
            # Objects in large pages: a fork, and the end of one, take half as long.
            "PYTHONMALLOC": "malloc",
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        }
    )


def work_in(folder: Path) -> None:
    """Make `folder` the working folder, the home, and the one for temporary files."""
    os.chdir(folder)
    os.environ.update(dict.fromkeys(FOLDERS, str(folder)))
    tempfile.tempdir = None


def drop_other_variables() -> None:
    """Remove what libraries added while they were imported, and all that is left."""
    for name in os.environ.keys() - VARIABLES:
        del os.environ[name]
