"""The proof of an assignment's checks: every mutant of a solution is refused."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.checking.check import CheckFailed
from proof.equivalents import Equivalent, listed, stale
from proof.mutants import Mutant, mutants_of, spread
from proof.rows import Proof, Row
from proof.run import Verdict, ask, stay_alone, warm_up
from proof.script import Solution, SourceError, read


@dataclass(frozen=True)
class Trial:
    """A check, and how much is asked of it.

    Attributes:
        task: whose check it is.
        names: what the task's solution finds, with the solution and the check.
        seeds: for the random cases; the same verdict is wanted of all.
        limit: mutants at most, spread over the solution; None for all.
    """

    task: Solution
    names: dict[str, Any]
    seeds: Sequence[int]
    limit: int | None

    @property
    def check(self) -> Callable[..., None]:
        """The check of the task."""
        check: Callable[..., None] = self.names[f"check_{self.task.name}"]
        return check

    @property
    def solution(self) -> Any:
        """The right answer that mutants are made of."""
        return self.names[self.task.name]

    def ask_mutant(self, mutant: Mutant) -> Verdict:
        """What the check says about a mutant."""
        return ask(self.check, lambda: self.built(mutant.source), self.seeds)

    def built(self, source: str) -> Any:
        """The answer that a source defines."""
        space = dict(self.names)
        exec(compile(source, "<mutant>", "exec"), space)
        return space[self.task.name]

    def mutants(self) -> list[Mutant]:
        """Every mutant; of a value, only those that have another value."""
        every = mutants_of(self.task)
        if callable(self.solution):
            return every
        return [each for each in every if self.has_another_value(each.source)]

    def has_another_value(self, source: str) -> bool:
        """Whether this source gives another value than the solution, or an error."""
        try:
            return bool(self.built(source) != self.solution)
        except Exception:  # noqa: BLE001, the check will say which
            return True


def prove(
    path: Path, *, root: Path, seeds: Sequence[int], limit: int | None
) -> Iterator[Row | Proof]:
    """Each row of an assignment's proof as it is ready, and at last the whole.

    Args:
        path: the assignment's source.
        root: the folder of the course.
        seeds: for the random cases of the checks.
        limit: mutants a task; None for all.

    Raises SourceError where the source, its solutions or the list are at fault.
    """
    stay_alone()
    source = read(path)
    names = source.namespace()
    equivalents = listed(root / "tests" / "checks" / source.name / "equivalent.toml")
    unknown = {each.task for each in equivalents} - {each.name for each in source.tasks}
    if unknown:
        raise SourceError(
            f"equivalent mutants of no task: {', '.join(sorted(unknown))}"
        )
    proof = Proof(path.stem, [])
    for task in source.tasks:
        trial = Trial(task, names, seeds, limit)
        try:
            warm_up(trial.check, trial.solution)
        except CheckFailed as error:
            raise SourceError(f"the check refuses the solution: {error}") from error
        row = Row(task.name)
        prove_mutants(
            row, trial, [each for each in equivalents if each.task == task.name]
        )
        proof.rows.append(row)
        yield row
    yield proof


def prove_mutants(row: Row, trial: Trial, equivalents: Sequence[Equivalent]) -> None:
    """Ask the check about the mutants of a task."""
    every = trial.mutants()
    row.stale = stale(equivalents, every)
    for mutant in spread(every, trial.limit):
        verdict = trial.ask_mutant(mutant)
        row.milliseconds.append(1000 * verdict.seconds / max(len(verdict.texts), 1))
        row.faults += [(mutant, fault) for fault in verdict.faults[:1]]
        is_listed = any(each.is_that_of(mutant) for each in equivalents)
        if is_listed and verdict.is_accepted:
            row.equivalent.append(mutant)
        elif verdict.is_rejected:
            row.rejected.append(mutant)
            row.contradicted += [mutant] if is_listed else []
        else:
            row.survivors.append((mutant, verdict))
