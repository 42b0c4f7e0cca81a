"""Running proofs in a process of their own, as they fork theirs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "source"
PROOF = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from rich.console import Console
from proof import command, run
from proof.rows import Proof
settings = json.loads(sys.argv[1])
run.CPU_SECONDS = settings.pop("cpu_seconds")
proofs = []
original = command.print_proof
def keep(proof, console):
    original(proof, console)
    proofs.append(proof)
command.print_proof = keep
console = Console(file=sys.stderr, width=120)
root = Path(settings.pop("root"))
status = command.mutate_command(None, root=root, console=console, **settings)
rows = {
    row.task: {
        "rejected": [mutant.now for mutant in row.rejected],
        "equivalent": [mutant.now for mutant in row.equivalent],
        "survivors": [mutant.now for mutant, _ in row.survivors],
        "faults": [fault for _, fault in row.faults],
        "misses": row.misses(),
    }
    for proof in proofs
    for row in proof.rows
}
shares = {proof.assignment: proof.share for proof in proofs}
print(json.dumps({"status": status, "rows": rows, "shares": shares}))
"""


@pytest.fixture(scope="session")
def prove() -> Callable[..., dict[str, Any]]:
    """Prove the checks of a course; what was found, and what was printed."""

    def proven(root: Path, **settings: Any) -> dict[str, Any]:
        done = subprocess.run(
            [
                *(sys.executable, "-c", PROOF),
                *(json.dumps({"root": str(root)} | settings), str(SOURCE)),
            ],
            cwd=root,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) | {"printed": done.stderr}

    return proven
