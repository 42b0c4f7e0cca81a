"""Two ways to compare the roots of sides, one of which is nan half of the time.

YOLO's loss (Redmon et al. 2016, eq. 3) compares the root of a side with the root of
the truth, so that a pixel counts more in a small box. The formula does not say what the
last layer answers, and that layer is linear: its answers can be negative.
"""

from torch import Tensor


def error_of_root_taken(answer: Tensor, side: Tensor) -> Tensor:
    """(sqrt(answer) - sqrt(side))^2, as the formula reads if the answer is the side.

    For a negative answer this is nan, and so is its gradient. At 0 the gradient is
    minus infinity, unless the side is 0 too: then it is nan.
    """
    return (answer.sqrt() - side.sqrt()).square()


def error_of_root_answered(answer: Tensor, side: Tensor) -> Tensor:
    """(answer - sqrt(side))^2, as in darknet, where the answer is the root itself.

    Finite everywhere, with a gradient of 2 (answer - sqrt(side)).
    """
    return (answer - side.sqrt()).square()
