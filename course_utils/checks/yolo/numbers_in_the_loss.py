"""numbers_in_the_loss: at how many outputs the loss of one image looks."""

from course_utils.checking.check import number_check

# 4 objects in 3 of 49 cells.
check_numbers_in_the_loss = number_check(
    "numbers_in_the_loss",
    3 * 26 + 46 * 2,
    mistakes={
        "this is the whole output; the loss leaves most of it out": 1470,
        "two of the objects share a cell, and a cell owns one": 4 * 26 + 45 * 2,
        "in a cell with an object, the box of the other predictor is not trained": (
            3 * 30 + 46 * 2
        ),
        "the confidence of the other predictor is pushed to 0": 3 * 25 + 46 * 2,
        "a cell without an object has confidences, too": 3 * 26,
        "both predictors of a cell without an object have a confidence": 3 * 26 + 46,
        "a cell without an object does not train its class values": 3 * 26 + 46 * 22,
        "the confidences of the cells with an object are counted twice": (
            3 * 26 + 49 * 2
        ),
        "class values count one by one, 20 for each cell with an object": (
            3 * 7 + 46 * 2
        ),
    },
    advice=(
        "Go through the five sums of the loss: which cells, and in them which "
        "predictors, does each indicator let through, and how many numbers does each "
        "of them bring?"
    ),
    explanation=(
        "A cell with an object trains 5 numbers of the responsible predictor, the "
        "other's confidence and 20 class values; each other cell trains 2 confidences. "
        "So an image leaves most of the 1470 numbers alone, and 95 of those that it "
        "trains are confidences that are to become 0: hence their weight of 0.5."
    ),
)
