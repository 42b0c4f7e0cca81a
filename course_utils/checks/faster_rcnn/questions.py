"""The multiple choice of assignment 04."""

from course_utils.checking.check import choice_check

check_ten_times_faster_answer = choice_check(
    "ten_times_faster_answer",
    "b",
    {
        "a": "Both run the same VGG-16 on the same image: 0.15 and 0.14 seconds. And "
        "the RPN adds to this work, it takes nothing from it.",
        "b": "Selective search took 1.51 of Fast R-CNN's 1.83 seconds. The RPN reads a "
        "map that the detector needs anyway, and adds 0.01. Its proposals are better, "
        "too: mAP rises from 66.9 to 69.9 (some slides print 66.9 twice).",
        "c": "300 proposals instead of 2,000 do help: the head takes 0.05 seconds "
        "instead of 0.17. But this saves 0.12 seconds of the 1.6 that were saved.",
        "d": "Joint training makes training shorter. Once trained, the network takes "
        "the same time for an image, however its weights were found.",
    },
)
