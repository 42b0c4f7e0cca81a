"""What a class's grades say together: scores, tasks, failures, time."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from course_grading.reports.message_parts import kind_of_failure, read_message
from course_grading.reports.text import one_line
from course_grading.running.verdict import Grade, Result, Verdict

FEWEST = 10  # submissions from which on a correlation is shown


@dataclass(frozen=True)
class Failure:
    """One way in which a task fails.

    Attributes:
        task: its name.
        verdict: of all of them.
        what: the likely mistake, the case or the error; "" where the verdict says it.
        is_mistake: whether `what` is a likely mistake that the check named.
        places: of the grades, in the order that was given.
    """

    task: str
    verdict: Verdict
    what: str
    is_mistake: bool
    places: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many submissions fail so."""
        return len(self.places)


@dataclass(frozen=True)
class TaskSummary:
    """How a class did on one task.

    Attributes:
        counts: how many got which verdict, most frequent first.
        pass_rate: the share that is right, in [0, 1].
        discrimination: the correlation of being right here with the points earned in
            the other tasks, in [-1, 1]; None for few submissions, or where all agree.
        seconds: the median time for the task.
        failures: most frequent first.
    """

    name: str
    points: int
    counts: Mapping[Verdict, int]
    pass_rate: float
    discrimination: float | None
    seconds: float
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Spread:
    """Some numbers of a list of times or scores; all 0 for an empty list."""

    mean: float = 0.0
    median: float = 0.0
    high: float = 0.0  # at most this, for 95 of 100
    most: float = 0.0
    total: float = 0.0


def spread(values: Sequence[float]) -> Spread:
    """Mean, median, 95th percentile, maximum and sum."""
    if not values:
        return Spread()
    ordered = sorted(values)
    high = ordered[math.ceil(0.95 * len(ordered)) - 1]
    middle = statistics.median(ordered)
    return Spread(statistics.fmean(ordered), middle, high, ordered[-1], sum(ordered))


def histogram(grades: Sequence[Grade]) -> list[tuple[int, int]]:
    """For each number of points from 0 to the most, how many earned it."""
    if not grades:
        return []
    counts = Counter(grade.score for grade in grades)
    most = max(grade.points for grade in grades)
    return [(score, counts[score]) for score in range(most + 1)]


def summarise_tasks(grades: Sequence[Grade]) -> list[TaskSummary]:
    """A summary of each task, in the order of the assignment."""
    rows: dict[str, list[tuple[int, Result]]] = defaultdict(list)
    for place, grade in enumerate(grades):
        for result in grade.results:
            rows[result.name].append((place, result))
    return [summarise(name, rows[name], grades) for name in rows]


def summarise(
    name: str, rows: Sequence[tuple[int, Result]], grades: Sequence[Grade]
) -> TaskSummary:
    """The summary of one task from its results, each with the place of its grade."""
    results = [result for _, result in rows]
    counts = dict(Counter(result.verdict for result in results).most_common())
    times = [result.seconds for result in results]
    return TaskSummary(
        name=name,
        points=max(result.points for result in results),
        counts=counts,
        pass_rate=counts.get("right", 0) / len(results),
        discrimination=discrimination(rows, grades),
        seconds=statistics.median(times),
        failures=group_failures(rows),
    )


def discrimination(
    rows: Sequence[tuple[int, Result]], grades: Sequence[Grade]
) -> float | None:
    """How well a task tells who earns many points in the others from who does not.

    Files that could not be graded do not count.
    """
    graded = [(place, r) for place, r in rows if not grades[place].problem]
    if len(graded) < FEWEST:
        return None
    right = [float(result.verdict == "right") for _, result in graded]
    others = [float(grades[place].score - result.score) for place, result in graded]
    if len(set(right)) < 2 or len(set(others)) < 2:
        return None
    return statistics.correlation(right, others)


def group_failures(rows: Sequence[tuple[int, Result]]) -> tuple[Failure, ...]:
    """The ways in which one task fails, most frequent first."""
    groups: dict[tuple[Verdict, str, bool], list[int]] = defaultdict(list)
    for place, result in rows:
        if result.verdict != "right":
            what = one_line(kind_of_failure(result), most=300)
            is_mistake = bool(read_message(result).mistake)
            groups[result.verdict, what, is_mistake].append(place)
    name = rows[0][1].name
    found = [Failure(name, *key, tuple(places)) for key, places in groups.items()]
    return tuple(sorted(found, key=lambda f: (-f.count, f.verdict, f.what)))


def frequent_mistakes(tasks: Sequence[TaskSummary], most: int = 10) -> list[Failure]:
    """The likely mistakes that checks named most often, of all tasks."""
    named = [f for task in tasks for f in task.failures if f.is_mistake]
    return sorted(named, key=lambda f: -f.count)[:most]
