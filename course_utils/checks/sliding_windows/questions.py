"""The tasks of assignment 01 that are answered on paper.

paper_average_precision: the area under a curve of six boxes. false_alarms_answer: what
ten thousand more of them do to it.
"""

from course_utils.checking.check import choice_check, number_check

PAPER_MISTAKES = {
    "an IoU equal to the threshold is enough for a hit": 0.35,
    "a box whose IoU is below 0.5 hits nothing, and its object stays free": 17 / 30,
    "an object counts once: its second box is a false alarm": 0.9,
    "recall divides by all objects, also by the one never found": 11 / 15,
    "precision at a recall is the best one at this recall or beyond": 0.525,
    "this is the 11-point form; the area was asked for": 6 / 11,
    "this is a percentage": 55,
    "this is the precision after the last row": 0.5,
    "this is the recall after the last row": 0.75,
}

check_paper_average_precision = number_check(
    "paper_average_precision",
    0.55,
    mistakes=PAPER_MISTAKES,
    advice="Write down hit or false alarm for each row, then precision and recall.",
    explanation="Recall rises at precision 1, then twice at 0.6, and D is missed.",
)

check_false_alarms_answer = choice_check(
    "false_alarms_answer",
    "b",
    {
        "a": "Precision at the end of the list does fall. But precision at a recall is "
        "the best one at this recall or beyond, and the recalls were reached before.",
        "b": "The new boxes come after the last hit, so every recall is reached with "
        "the same precision as before. AP asks for the order, not for the number, of "
        "boxes.",
        "c": "More boxes can raise the recall, and so AP, only if some of them are "
        "hits.",
        "d": "AP has no confidence threshold: it goes down the whole list, and a box "
        "counts however low its score is.",
    },
)
