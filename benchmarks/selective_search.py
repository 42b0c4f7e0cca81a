"""Segmentation beside scikit-image's, and selective search beside OpenCV's.

Times are on photographs of 500 x 375 pixels, where ours should take at most twice as
long as OpenCV's. MABO and recall are at the same number of boxes; ours should lose at
most 0.02. On BCCD too, where COURSE_DATA names a folder with it.

Mind the order: as in the paper, ours begins with large regions. OpenCV's first boxes
are small ones, which helps its recall of small objects among the first few.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import torch
from skimage.metrics import adapted_rand_error
from skimage.segmentation import felzenszwalb
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.measure import Row, compare
from course_utils.data.photos import PHOTO_NAMES, photo
from course_utils.data.tabletop import Tabletop
from course_utils.data.voc import read_voc
from course_utils.metrics.proposals import ProposalCurve, evaluate_proposals
from course_utils.ops.boxes import remove_small_boxes
from course_utils.ops.selective_search.graph_segmentation import segment_graph
from course_utils.ops.selective_search.search import (
    STRATEGIES,
    make_hierarchies,
    rank_boxes,
    selective_search,
)

COUNTS = (25, 50, 100, 200, 400, 800)  # boxes an image
CELLS = ("background", "RBC", "WBC", "Platelets")
ORDERS = 4  # the order of boxes is partly random, so that we take the mean of several
Target = dict[str, Tensor]
Examples = Sequence[tuple[Tensor, Target]]
Search = Callable[[Tensor], list[Tensor]]  # an image's boxes in several orders


def resized(name: str) -> Tensor:
    """A photograph of 500 x 375 pixels."""
    return interpolate(photo(name)[0][None], (375, 500), mode="area")[0]


def opencv_pixels(image: Tensor) -> cv2.typing.MatLike:
    """An image as OpenCV has it: bytes, blue first."""
    return (image * 255).round().byte().permute(1, 2, 0).numpy()[:, :, ::-1].copy()


def opencv_search(pixels: cv2.typing.MatLike) -> Tensor:
    """OpenCV's fast selective search, as xyxy boxes."""
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(pixels)
    search.switchToSelectiveSearchFast()
    boxes = torch.from_numpy(search.process()).float()
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def times() -> list[Row]:
    """Seconds of segmentation and of the whole search."""
    rows = []
    for name in ("astronaut", "coffee"):
        image = resized(name)
        pixels, colours = opencv_pixels(image), image.permute(1, 2, 0).numpy()
        rows += [
            compare(
                "segment_graph",
                f"{name}, k 100",
                lambda image=image: segment_graph(image, k=100, min_size=100),
                "skimage",
                lambda colours=colours: felzenszwalb(colours, scale=100, min_size=100),
            ),
            compare(
                "selective_search",
                f"{name}, fast",
                lambda image=image: selective_search(image),
                "OpenCV",
                lambda pixels=pixels: opencv_search(pixels),
                note="goal: at most 2",
                seconds=12,
            ),
        ]
    return rows


def agreement() -> list[Row]:
    """How far our regions are from scikit-image's, over all photographs."""
    rows = []
    for k in (50, 300):
        errors = []
        for name in PHOTO_NAMES:
            image = photo(name)[0]
            peer = felzenszwalb(image.permute(1, 2, 0).numpy(), scale=k, min_size=20)
            ours = segment_graph(image, k=k, min_size=20)
            errors.append(adapted_rand_error(peer, ours.numpy())[0])
        rows.append(
            Row(
                "segment_graph",
                f"photographs, k {k}",
                figure=float(max(errors)),
                unit="Rand error",
                note="worst; goal: below 0.05",
            )
        )
    return rows


def ours(strategy: str, min_side: float) -> Search:
    """Our search: one set of regions in several orders."""

    def search(image: Tensor) -> list[Tensor]:
        found = make_hierarchies(image, STRATEGIES[strategy])
        ranked = [rank_boxes(found, seed=seed) for seed in range(ORDERS)]
        return [boxes[remove_small_boxes(boxes, min_side)] for boxes in ranked]

    return search


def opencv(min_side: float) -> Search:
    """OpenCV's search, which has another order at each call."""

    def search(image: Tensor) -> list[Tensor]:
        pixels = opencv_pixels(image)
        ranked = [opencv_search(pixels) for _ in range(ORDERS)]
        return [boxes[remove_small_boxes(boxes, min_side)] for boxes in ranked]

    return search


def mean_curve(search: Search, examples: Examples) -> ProposalCurve:
    """Recall and MABO at each of COUNTS, the mean over the orders."""
    found = [search(image) for image, _ in examples]
    targets = [target for _, target in examples]
    curves = [
        evaluate_proposals([boxes[order] for boxes in found], targets, counts=COUNTS)
        for order in range(ORDERS)
    ]
    means = [
        torch.stack(column).double().mean(dim=0) for column in zip(*curves, strict=True)
    ]
    return ProposalCurve(*means)


def quality(name: str, examples: Examples, strategy: str, min_side: float) -> list[Row]:
    """Our MABO, and in the note OpenCV's and the recall of both."""
    mine = mean_curve(ours(strategy, min_side), examples)
    peer = mean_curve(opencv(min_side), examples)
    return [
        Row(
            f"first {count}",
            f"{name}, {strategy}",
            figure=float(mine.mabo[i]),
            unit="MABO",
            note=f"OpenCV {peer.mabo[i]:.3f}, "
            f"recall {mine.recall[i]:.2f} / {peer.recall[i]:.2f}",
        )
        for i, count in enumerate(COUNTS)
    ]


def rows() -> list[Row]:
    """Times first, then how good the boxes are."""
    cv2.setNumThreads(torch.get_num_threads())
    scenes = Tabletop(40, split="test", truth=())
    tabletop = [scenes[i] for i in range(len(scenes))]
    found = times() + agreement()
    found += quality("tabletop", tabletop, "small", 8)
    found += quality("tabletop", tabletop, "fast", 8)
    found += quality("photographs", [photo(name) for name in PHOTO_NAMES], "fast", 20)
    if "COURSE_DATA" in os.environ:
        folder = Path(os.environ["COURSE_DATA"]) / "bccd"
        cells = read_voc(folder, "test", class_names=CELLS, most=10)
        found += quality("BCCD", cells, "fast", 20)
    return found
