"""Full marks, seen a second time: nbval on the rebuilt notebook must agree.

Points come from the isolated run alone. In nbval's kernel a learner's code runs beside
the checks and may deceive them, so nbval can only make an instructor look.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path

from course_utils.grading.assignment import shipped
from course_utils.grading.closing import Closing
from course_utils.grading.nbval_run import run_nbval
from course_utils.grading.outcome import GraderError, Limits, Outcome
from course_utils.grading.restore import Restored, restore_file
from course_utils.grading.second_opinion.warm_nbval import WarmNbval
from course_utils.grading.submission import UngradableError
from course_utils.grading.verdict import Grade, Result, judge

MOST_LETTERS = 300  # of each message


class SecondOpinion(Closing):
    """Asks nbval about grades with full marks; a context manager."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        """Nothing is started before the first question."""
        self.limits = limits or Limits()
        self.warm: WarmNbval | None = None

    def ask(
        self,
        path: Path,
        grade: Grade,
        *,
        released: Traversable | None = None,
        seed: int | None = None,
    ) -> Grade:
        """The grade, with a review where nbval does not agree with full marks.

        Args:
            path: the notebook that was graded.
            grade: of the isolated run; one without full marks comes back as it is.
            released: the folder of released assignments that it was graded with.
            seed: of the random cases of the checks, as in the isolated run.
        """
        if not grade.is_full:
            return grade
        folder = released if released is not None else shipped()
        try:
            restored = restore_file(path, folder)
            opinion = judge(grade.file, restored, self.run(restored, seed))
            return compared(grade, opinion)
        except UngradableError as error:
            return to_review(grade, f"The file could not be read again: {error}")
        except GraderError as error:
            self.close()  # the next question starts afresh
            return to_review(grade, f"nbval could not be asked: {error}")

    def run(self, restored: Restored, seed: int | None) -> Mapping[str, Outcome]:
        """What nbval says of each cell, by `grade_id`."""
        if self.warm is None:
            self.warm = WarmNbval(limits=self.limits)
        self.warm.wait_until_ready()  # before the clock of the notebook starts
        run = self.warm.run_once
        return run_nbval(restored, limits=self.limits, seed=seed, run=run)

    def close(self) -> None:
        """End what was started; a later question starts it again."""
        if self.warm is not None:
            self.warm.close()
        self.warm = None


def compared(grade: Grade, opinion: Grade) -> Grade:
    """The grade, with a review that names each task on which the two differ."""
    pairs = zip(grade.results, opinion.results, strict=True)
    differences = [
        f"{ours.name}: the isolated check says {said(ours)}, nbval says {said(theirs)}."
        for ours, theirs in pairs
        if (ours.verdict == "right") != (theirs.verdict == "right")
    ]
    return to_review(grade, "\n".join(differences)) if differences else grade


def said(result: Result) -> str:
    """A verdict with its message, cut to a bearable length."""
    message = result.message
    if len(message) > MOST_LETTERS:
        message = message[:MOST_LETTERS] + " ..."
    return f"{result.verdict} ({message})" if message else result.verdict


def to_review(grade: Grade, why: str) -> Grade:
    """The grade with one more reason to look at it."""
    return replace(grade, review="\n".join(filter(None, [grade.review, why])))
