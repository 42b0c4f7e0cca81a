"""Changes of a batch at random, so that a detector never sees an image twice alike.

Each is the `augment` of a training run: (B, 3, H, W) images, their targets with `boxes`
(N, 4) xyxy and `labels` (N,), and a generator -> as many images and targets.
"""

from course_utils.training.augment.flips import flip_half
from course_utils.training.augment.photometric import distort_colors
from course_utils.training.augment.recipes import augment_ssd, augment_yolo

__all__ = ["augment_ssd", "augment_yolo", "distort_colors", "flip_half"]
