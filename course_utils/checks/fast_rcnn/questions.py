"""The multiple choice of assignment 03."""

from course_utils.checking.check import choice_check

check_faster_network_answer = choice_check(
    "faster_network_answer",
    "b",
    {
        "a": "Selective search reads the picture, not the feature map. It knows "
        "nothing of the network, and takes its 2.0 seconds as before. Only then are "
        "its boxes projected onto the map.",
        "b": "2.3 seconds become 2.0 + 0.03, and 2.3 / 2.03 is about 1.13. What is "
        "left is nearly all selective search. This is why Faster R-CNN lets a network "
        "propose.",
        "c": "Selective search has no weights to train: the same picture gives the "
        "same proposals, whatever the backbone.",
        "d": "That is R-CNN, which runs its network on each warped region. Fast R-CNN "
        "runs its backbone once a picture, and only the head on each RoI. Both get "
        "faster here.",
    },
)
