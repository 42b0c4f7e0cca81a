"""Reading what a check said: the case, the expected, the received, the mistake."""

import re
from dataclasses import dataclass

from course_grading.running.verdict import Result

CASE = re.compile(r"\A[^\n]{0,200}?, case '(.{1,200}?)': ")
MISTAKE = re.compile(r"(?:^|(?<=\. ))Likely mistake: ([^\n]+)", re.MULTILINE)
CALL = re.compile(r"^Call: (.+)\Z", re.MULTILINE | re.DOTALL)
CHOICE = re.compile(r'\A[^\n"]{0,200}: not ("\w{1,20}")\. ')
NOTE = re.compile(r"\nNote: ([^\n]+)\Z")
PAIR = re.compile(r"expected (.{1,500}?), received (.{1,500})\Z", re.DOTALL)


@dataclass(frozen=True)
class Reading:
    """The parts of a message; each is "" where the message does not hold it.

    Attributes:
        problem: what is wrong, in the check's own sentence.
        case: the name of the case.
        expected: what should have come back, where the sentence says so.
        received: what came back instead.
        mistake: the likely mistake.
        call: the call that a learner can repeat.
        note: how the answer was found in the file, where that is not plain.
    """

    problem: str
    case: str = ""
    expected: str = ""
    received: str = ""
    mistake: str = ""
    call: str = ""
    note: str = ""


def read_message(result: Result) -> Reading:
    """The parts of what was said about a task.

    Only a check that failed speaks in parts; any other message is one sentence, whose
    words may come from the submission.
    """
    found = NOTE.search(result.message)
    message = result.message[: found.start()] if found else result.message
    note = found[1] if found else ""
    if result.verdict != "wrong":
        return Reading(message, note=note)
    call = CALL.search(message)
    rest = message[: call.start()] if call else message
    mistake = MISTAKE.search(rest)
    rest = rest[: mistake.start()] if mistake else rest
    case = CASE.match(rest)
    problem = rest[case.end() :] if case else rest
    pair = PAIR.search(problem.strip())
    return Reading(
        problem.strip(),
        case=case[1] if case else "",
        expected=pair[1] if pair else "",
        received=pair[2] if pair else "",
        mistake=mistake[1].strip() if mistake else "",
        call=call[1].strip() if call else "",
        note=note,
    )


def kind_of_failure(result: Result) -> str:
    """What failures of one task have in common: mistake, case, choice, or error."""
    reading = read_message(result)
    if result.verdict != "wrong":
        return reading.problem if result.verdict == "error" else ""
    choice = CHOICE.match(reading.problem)
    if choice:
        return f"the choice {choice[1]}"
    if reading.mistake or not reading.case:
        return reading.mistake or reading.problem
    return f"no known mistake; case '{reading.case}'"
