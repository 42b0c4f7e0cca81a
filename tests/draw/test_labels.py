"""Names beside points stay apart."""

from itertools import combinations

import pytest
import torch
from matplotlib.text import Text

from course_utils import draw
from course_utils.draw.labels import place_labels

NAMES = (
    "sliding windows",
    "R-CNN",
    "Fast R-CNN",
    "Faster R-CNN",
    "YOLO v1",
    "YOLO with anchors",
    "SSD",
    "torchvision's SSD",
)


def extents(ax):
    ax.get_figure().draw_without_rendering()
    return [Text.get_window_extent(text) for text in ax.texts]  # without the lines


@pytest.mark.parametrize("seed", range(6))
def test_names_cover_neither_each_other_nor_the_points(seed: int):
    generator = torch.Generator().manual_seed(seed)
    heights, powers = torch.rand(2, 8, generator=generator)
    # Five of eight lie close together, as good detectors do.
    heights[3:] = 0.55 + 0.06 * heights[3:]
    rows = [
        {"system": name, "AP": height, "ms_per_image": 10 ** (0.2 + 3 * power)}
        for name, height, power in zip(
            NAMES, heights.tolist(), powers.tolist(), strict=True
        )
    ]
    fig, (ax,) = draw.new_figure(width=5.6, height=3.6)
    draw.draw_accuracy_and_time(ax, rows)
    boxes = extents(ax)
    assert [text.get_text() for text in ax.texts] == list(NAMES)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    inside = fig.bbox
    for box in boxes:
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        for row in rows:
            x, y = ax.transData.transform((row["ms_per_image"], row["AP"]))
            assert not box.contains(x, y)


def test_a_name_alone_stands_above_its_point():
    _, (ax,) = draw.new_figure()
    ax.set(xlim=(0, 2), ylim=(0, 2))
    place_labels(ax, [(1.0, 1.0)], ["alone"])
    (box,) = extents(ax)
    x, y = ax.transData.transform((1.0, 1.0))
    assert box.x0 < x < box.x1
    assert 0 < box.y0 - y < 15


def test_equal_points_get_names_apart_and_none_needs_none():
    _, (ax,) = draw.new_figure()
    ax.set(xlim=(0, 2), ylim=(0, 2))
    place_labels(ax, [(1.0, 1.0)] * 5, list(NAMES[:5]))
    assert not any(a.overlaps(b) for a, b in combinations(extents(ax), 2))
    place_labels(ax, [], [])
    with pytest.raises(ValueError, match="1 points and 0 names"):
        place_labels(ax, [(1.0, 1.0)], [])
