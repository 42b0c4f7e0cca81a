"""The number of assignment 06 that is found on paper."""

from course_utils.checking.check import number_check

check_smallest_side_answer = number_check(
    "smallest_side_answer",
    1000 / 300 * 30 / 2**0.5,
    mistakes={
        "this is in pixels of the resized image; the photograph's were asked for": (
            21.2132
        ),
        "IoU divides areas: at half the side it is a quarter": 50.0,
        "an object may be smaller than the smallest box: an IoU of 0.5 is enough": (
            100.0
        ),
        "the photograph is larger than what the network sees, not smaller": 6.36396,
        "the first map's boxes are 30 pixels large; 60 are those of the second": (
            141.4214
        ),
        "this is an area; the side was asked for": 5000.0,
    },
    advice="Draw a square object inside the smallest square default box, and write "
    "down their IoU.",
    explanation="In a box of 30 x 30 pixels, a square of side a has the IoU a^2 / "
    "900. This is 0.5 at 21.2 pixels, which are 70.7 of the photograph. A smaller "
    "object has its best box, and no other.",
    tolerance=5e-3,
)
