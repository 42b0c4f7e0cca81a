"""The one R-CNN of the course: built in lesson 02, timed again in lesson 03."""

from torch import Tensor

from course_utils.models.backbones import Backbone
from course_utils.models.rcnn.detector import RCNN
from course_utils.models.rcnn.network import RegionNetwork


def tabletop_network(num_classes: int = 8) -> RegionNetwork:
    """A network for 32 x 32 crops: three halvings, two residual blocks, 128 features.

    Fast R-CNN in lesson 03 halves only twice: it cuts small objects out of its map.
    """
    backbone = Backbone((32, 64, 96), depth=1)
    return RegionNetwork(backbone, crop_size=32, hidden=128, num_classes=num_classes)


def rcnn_for_tabletop(*, fill: Tensor | None = None) -> RCNN:
    """R-CNN for the tabletop, untrained; `load_model` gives it what lesson 02 kept.

    Args:
        fill: (3,) mean colour of the training set; grey if none is given.
    """
    return RCNN(tabletop_network(), context=4, fill=fill)
