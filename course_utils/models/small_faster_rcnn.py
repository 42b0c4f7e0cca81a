"""The Faster R-CNN of lesson 04: small enough to learn the tabletop on a laptop."""

from collections.abc import Callable, Sequence

from course_utils.models.backbone import Backbone
from course_utils.models.box_head import BoxHead
from course_utils.models.faster_rcnn import FasterRCNN
from course_utils.models.roi_heads import RoIHeads
from course_utils.models.rpn import RPN


def small_faster_rcnn(
    widths: Sequence[int] = (32, 64),
    *,
    num_classes: int = 8,
    sizes: Sequence[float] = (16, 28, 48),
    ratios: Sequence[float] = (0.5, 1, 2),
    make_rpn: Callable[..., RPN] = RPN,
) -> FasterRCNN:
    """A detector with random weights; `num_classes` counts the background."""
    backbone = Backbone(widths, depth=2)
    width = backbone.out_channels
    rpn = make_rpn(width, sizes=sizes, ratios=ratios, count=128)
    head = BoxHead(width, hidden=256, num_classes=num_classes)
    heads = RoIHeads(
        head,
        stride=backbone.stride,
        count=64,
        negative_iou=(0.0, 0.5),
        beta=1 / 9,
        iou_threshold=0.5,
    )
    most = {"train_proposals": (200, 100), "test_proposals": (300, 100)}
    return FasterRCNN(backbone, rpn, heads, **most)
