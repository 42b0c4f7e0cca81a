"""What is known about the checks of an assignment, and which bars they miss."""

import statistics
from dataclasses import dataclass, field

from proof.equivalents import Equivalent
from proof.mutants import Mutant
from proof.run import Verdict

SHARE = 0.95  # of the mutants that are not equivalent, to be rejected


@dataclass
class Row:
    """What is known about the check of one task.

    Attributes:
        task: its name.
        rejected: mutants that the check refuses with every seed.
        equivalent: mutants that it accepts, and should.
        survivors: mutants that it accepts with a seed, and should not.
        contradicted: mutants listed as equivalent that it refuses.
        stale: entries of the list that fit no mutant.
        faults: where the check itself failed.
        milliseconds: of each mutant, with one seed.
    """

    task: str
    rejected: list[Mutant] = field(default_factory=list)
    equivalent: list[Mutant] = field(default_factory=list)
    survivors: list[tuple[Mutant, Verdict]] = field(default_factory=list)
    contradicted: list[Mutant] = field(default_factory=list)
    stale: list[Equivalent] = field(default_factory=list)
    faults: list[tuple[Mutant, str]] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All mutants that were asked about."""
        return len(self.rejected) + len(self.equivalent) + len(self.survivors)

    def misses(self) -> list[str]:
        """Sentences about what falls short in this task alone."""
        found = [f"the check itself fails: {text}" for _, text in self.faults]
        found += [
            f"listed as equivalent, but rejected: {m.now}" for m in self.contradicted
        ]
        found += [f"listed as equivalent, but no mutant: {e.now}" for e in self.stale]
        return [f"{self.task}: {text}" for text in found]


@dataclass
class Proof:
    """The proof of an assignment: a row a task."""

    assignment: str
    rows: list[Row]

    @property
    def share(self) -> float:
        """Of the mutants that are not equivalent, how many are rejected."""
        rejected = sum(len(row.rejected) for row in self.rows)
        survivors = sum(len(row.survivors) for row in self.rows)
        return rejected / (rejected + survivors) if rejected + survivors else 1.0

    @property
    def milliseconds(self) -> float:
        """What one mutant took at the median, with one seed."""
        times = [each for row in self.rows for each in row.milliseconds]
        return statistics.median(times) if times else 0.0

    def misses(self) -> list[str]:
        """Sentences about every bar that is missed."""
        found = [text for row in self.rows for text in row.misses()]
        if self.share < SHARE:
            found.insert(0, f"only {self.share:.1%} of the mutants are rejected")
        return found
