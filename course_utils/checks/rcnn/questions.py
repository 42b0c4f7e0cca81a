"""The question of assignment 02 that has one right option."""

from course_utils.checking.check import choice_check

OPTIONS = {
    "a": "Fine-tuning does call it background, because 0.45 is below 0.5. But the SVM "
    "for cats takes as negatives only boxes with an IoU below 0.3. This one shows "
    "almost half of a cat, and would teach the SVM to reject cats.",
    "b": "The SVM for cats does leave it out. But the SVM for dogs asks for the "
    "overlap with dogs. That is 0, so that the box is a good negative: a cat is no "
    "dog.",
    "c": "Fine-tuning calls a box cat from an IoU of 0.5 on. What is below is "
    "background, and nothing is left out.",
    "d": "Below 0.5 fine-tuning says background. The SVM for cats takes only the "
    "objects themselves as positives, and leaves out what lies between. In the sweep "
    "of the paper, a limit of 0.5 in place of 0.3 cost 5 points of mAP. To the SVM for "
    "dogs, a cat is as good a negative as any.",
    "e": "0.45 is below fine-tuning's threshold of 0.5, so the box is background "
    "there. And the positives of an SVM are the objects themselves, not boxes near "
    "them.",
}

check_three_trainings_answer = choice_check("three_trainings_answer", "d", OPTIONS)
