"""The grading processes of one computer, and what happens when one of them ends."""

import queue
import threading
from pathlib import Path
from types import TracebackType

from course_grading.classroom.process import Worker, WorkerEnded
from course_grading.classroom.settings import ClassSettings
from course_grading.isolation.closing import Closing
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import Grade, without_points
from course_grading.submission.assignment import released_folder
from course_grading.submission.reading import assignment_by_name


class RunStopped(RuntimeError):
    """The run was ended while a submission was being graded."""


class Grader:
    """Grades one file after the other, with a fresh worker where one has ended."""

    def __init__(self, settings: ClassSettings) -> None:
        """Nothing is started before the first file."""
        self.settings = settings
        self.worker: Worker | None = None
        self.lock = threading.Lock()
        self.is_stopped = False

    def grade(self, path: Path) -> tuple[Grade, bool]:
        """The grade of a file, and whether the grader is to blame for it.

        A file during which the worker ends is tried once more, then refused. Raises
        GraderError where no worker can be started.
        """
        for _ in range(2):
            worker = self.ready_worker()
            try:
                return worker.grade(path, self.patience), False
            except WorkerEnded as error:
                self.drop()
                problem = str(error)
        return self.give_up(path, problem), True

    @property
    def patience(self) -> float:
        """Seconds after which a worker must have given a grade, all told."""
        return 2 * self.settings.limits.total + 120

    def ready_worker(self) -> Worker:
        """The worker, started where there is none."""
        with self.lock:
            if self.is_stopped:
                raise RunStopped
            if self.worker is not None:
                return self.worker
            worker = self.worker = Worker(self.settings)
        try:
            worker.wait_until_ready()
        except GraderError:
            self.drop()
            raise
        return worker

    def drop(self) -> None:
        """Part with a worker that is of no more use; it clears up where it can."""
        with self.lock:
            worker, self.worker = self.worker, None
        if worker is not None:
            worker.close()
        if self.is_stopped:
            raise RunStopped

    def give_up(self, path: Path, problem: str) -> Grade:
        """The grade of a file that ends its grading process."""
        reference = self.settings.reference
        folder = Path(reference) if reference else released_folder()
        sentence = f"The grading process ended twice on this file: {problem}."
        return without_points(str(path), sentence, assignment_by_name(path, folder))

    def stop(self) -> None:
        """End now, also in the middle of a file."""
        with self.lock:
            self.is_stopped = True
            worker = self.worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.close()


class Crew(Closing):
    """Graders that share the files of a class; `grade` is for many threads at once."""

    def __init__(self, settings: ClassSettings, count: int) -> None:
        """As many graders as `count`; their workers start when they are needed."""
        self.settings = settings
        self.graders = [Grader(settings) for _ in range(count)]
        self.idle: queue.LifoQueue[Grader] = queue.LifoQueue()
        for grader in self.graders:
            self.idle.put(grader)

    def grade(self, path: Path) -> tuple[Grade, bool]:
        """As `Grader.grade`, by a grader that is idle; waits for one."""
        grader = self.idle.get()
        try:
            return grader.grade(path)
        finally:
            self.idle.put(grader)

    def stop(self) -> None:
        """End now; files that are being graded raise `Stopped`."""
        for grader in self.graders:
            grader.stop()

    def close(self) -> None:
        """End all workers, each after what it is doing."""
        for grader in self.graders:
            grader.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all workers; after an error at once."""
        if error is not None:
            self.stop()
        self.close()
