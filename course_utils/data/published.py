"""What papers and lectures say of detectors, and where they differ.

Average precision is Pascal's mAP on VOC 2007, in percent. Each figure of a paper has
its setting, since graphics cards, inputs and batches differ from paper to paper.
"""

from typing import Any, NamedTuple

PublishedRow = dict[str, Any]  # can be shown as rows of results are


class Correction(NamedTuple):
    """A figure of the lectures' table beside what its source says."""

    system: str
    shown: str
    right: str
    source: str
    reason: str


# As many lectures show it: mAP, frames a second, seconds a frame.
LECTURE_TABLE: tuple[PublishedRow, ...] = (
    {"system": "DPM v5", "AP50": 33.7, "fps": 0.07, "seconds": 14},
    {"system": "R-CNN", "AP50": 66.0, "fps": 0.05, "seconds": 20},
    {"system": "Fast R-CNN", "AP50": 70.0, "fps": 0.5, "seconds": 2},
    {"system": "Faster R-CNN", "AP50": 73.2, "fps": 7, "seconds": 0.140},
    {"system": "YOLO", "AP50": 69.0, "fps": 45, "seconds": 0.022},
)

CORRECTIONS: tuple[Correction, ...] = (
    Correction(
        system="DPM v5",
        shown="0.07 fps, 14 s",
        right="no paper says so",
        source="a talk",
        reason="YOLO's paper compares with faster versions of DPM: 26.1 mAP at 30 "
        "frames a second, 16.0 mAP at 100",
    ),
    Correction(
        system="R-CNN",
        shown="0.05 fps, 20 s",
        right="0.02 fps, 47 s",
        source="Girshick 2015",
        reason="66.0 is reached with VGG-16, which takes 47 s; with AlexNet it is "
        "9.8 s, and 13 s in the first paper; it learned from the images of 2007 alone, "
        "the others from those of 2012, too",
    ),
    Correction(
        system="Fast R-CNN",
        shown="2 s",
        right="0.32 s + about 2 s",
        source="Girshick 2015",
        reason="the network takes 0.32 s, and selective search the rest; some slides "
        "say 2.3 s, some 0.32 s",
    ),
    Correction(
        system="YOLO",
        shown="69.0 mAP at 45 fps",
        right="63.4 mAP at 45 fps",
        source="Redmon et al. 2016, table 1",
        reason="the variant with VGG-16 reaches 66.4, but is slower; the fast one is "
        "a network of 24 convolutions of its own",
    ),
)

# mAP and frames a second as the papers have them, with the input (pixels), how many
# images went through at once, the graphics card where the source names it, and the
# source. YOLO's authors timed Faster R-CNN themselves ("in our tests"); its own authors
# give 198 ms for VGG-16 on a K40.
YOLO_SOURCE = "Redmon et al. 2016, table 1"
SSD_SOURCE = "Liu et al. 2016, table 7"
PAPER_TABLE: tuple[PublishedRow, ...] = (
    {
        "system": "R-CNN",
        "AP50": 66.0,
        "fps": 1 / 47,
        "network": "VGG-16",
        "input": "crops of 224",
        "device": "K40",
        "source": "Girshick 2015",
    },
    {
        "system": "Fast R-CNN",
        "AP50": 70.0,
        "fps": 0.5,
        "network": "VGG-16",
        "input": "~1000 x 600",
        "batch": 1,
        "source": YOLO_SOURCE,
    },
    {
        "system": "Faster R-CNN",
        "AP50": 73.2,
        "fps": 7,
        "network": "VGG-16",
        "input": "~1000 x 600",
        "batch": 1,
        "source": YOLO_SOURCE,
    },
    {
        "system": "Faster R-CNN, ZF",
        "AP50": 62.1,
        "fps": 18,
        "network": "ZF",
        "input": "~1000 x 600",
        "batch": 1,
        "source": YOLO_SOURCE,
    },
    {
        "system": "YOLO",
        "AP50": 63.4,
        "fps": 45,
        "network": "its own, 24 + 2",
        "input": "448 x 448",
        "batch": 1,
        "device": "Titan X",
        "source": YOLO_SOURCE,
    },
    {
        "system": "Fast YOLO",
        "AP50": 52.7,
        "fps": 155,
        "network": "its own, 9 + 2",
        "input": "448 x 448",
        "batch": 1,
        "device": "Titan X",
        "source": YOLO_SOURCE,
    },
    {"system": "30 Hz DPM", "AP50": 26.1, "fps": 30, "source": YOLO_SOURCE},
    {"system": "100 Hz DPM", "AP50": 16.0, "fps": 100, "source": YOLO_SOURCE},
    {
        "system": "SSD300",
        "AP50": 74.3,
        "fps": 46,
        "network": "VGG-16",
        "input": "300 x 300",
        "batch": 1,
        "device": "Titan X",
        "source": SSD_SOURCE,
    },
    {
        "system": "SSD300 in batches",
        "AP50": 74.3,
        "fps": 59,
        "network": "VGG-16",
        "input": "300 x 300",
        "batch": 8,
        "device": "Titan X",
        "source": SSD_SOURCE,
    },
)


def with_milliseconds(rows: tuple[PublishedRow, ...]) -> list[PublishedRow]:
    """The rows with `ms_per_image` from their frames a second, to draw them."""
    return [row | {"ms_per_image": 1000 / row["fps"]} for row in rows]
