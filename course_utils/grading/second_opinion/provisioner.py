"""How jupyter_client, and so nbval, comes to a kernel that runs already.

The kernel's specification carries where it listens and its process id. Its life is the
grader's affair: nobody here starts or ends it.
"""

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Bool, Dict, Integer

from course_utils.grading.processes import is_alive

NAME = "course-running"
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


class RunningKernel(KernelProvisionerBase):
    """Hands out the connection to a kernel, and tells whether it still lives."""

    connection = Dict()
    pid = Integer()
    is_given_up = Bool(False)

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel to ask about."""
        return not self.is_given_up

    async def launch_kernel(
        self, cmd: list[str], **settings: Any
    ) -> KernelConnectionInfo:
        """The connection to the kernel."""
        key = self.connection["key"].encode()
        self.connection_info = cast(
            KernelConnectionInfo, self.connection | {"key": key}
        )
        return self.connection_info

    async def pre_launch(self, **settings: Any) -> dict[str, Any]:
        """Nothing to start."""
        return await super().pre_launch(cmd=[], **settings)

    async def poll(self) -> int | None:
        """None while the kernel lives."""
        return None if not self.is_given_up and is_alive(self.pid) else 0

    async def wait(self) -> int | None:
        """Wait for nothing: the grader ends the kernel."""
        return 0

    async def send_signal(self, signum: int) -> None:
        """Send nothing: the grader ends cells that take too long."""

    async def kill(self, restart: bool = False) -> None:
        """Leave it to the grader."""
        self.is_given_up = True

    async def terminate(self, restart: bool = False) -> None:
        """Leave it to the grader."""
        self.is_given_up = True

    async def cleanup(self, restart: bool = False) -> None:
        """Nothing was made here."""


def register() -> None:
    """Make the way known to the jupyter_client of this process."""
    group = KernelProvisionerFactory.GROUP_NAME
    entry = EntryPoint(NAME, f"{__name__}:{RunningKernel.__name__}", group)
    KernelProvisionerFactory.instance().provisioners[NAME] = entry


def write_specification(folder: Path, connection: dict[str, Any], pid: int) -> None:
    """Write the specification of a running kernel where jupyter_client looks for it.

    Args:
        folder: which JUPYTER_PATH names.
        connection: as in a connection file.
        pid: of the kernel, as this process sees it.
    """
    provisioner = {
        "provisioner_name": NAME,
        "config": {"connection": connection, "pid": pid},
    }
    specification = {
        "argv": [],
        "display_name": "Python",
        "language": "python",
        "metadata": {"kernel_provisioner": provisioner},
    }
    place = folder / "kernels" / NAME / "kernel.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(specification), encoding="utf-8")
