"""Anchors beside torchvision's generator and the list of the reference."""

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from course_utils.ops.anchors import anchor_grid, cell_anchors, map_stride
from course_utils.ops.boxes import box_area

PAPER = {
    0.5: [(-91, -45, 91, 45), (-181, -91, 181, 91), (-362, -181, 362, 181)],
    1.0: [(-64, -64, 64, 64), (-128, -128, 128, 128), (-256, -256, 256, 256)],
    2.0: [(-45, -91, 45, 91), (-91, -181, 91, 181), (-181, -362, 181, 362)],
}
SHAPES = [  # of the image and its map
    ((128, 128), (16, 16)),
    ((96, 160), (12, 20)),
    ((600, 1000), (37, 62)),
    ((50, 70), (7, 9)),
    ((16, 16), (1, 1)),
]
CELLS = [
    ((12.0, 20.0, 32.0), (0.5, 1.0, 2.0)),
    ((128.0, 256.0, 512.0), (0.5, 1.0, 2.0)),
    ((17.3,), (1.0,)),
    ((9.0, 30.5), (0.3, 3.0)),
]


def test_the_nine_anchors_of_the_paper():
    expected = torch.tensor([box for boxes in PAPER.values() for box in boxes]).float()
    assert torch.equal(cell_anchors((128, 256, 512), tuple(PAPER)), expected)


@pytest.mark.parametrize(("image_size", "map_size"), SHAPES)
@pytest.mark.parametrize(("sizes", "ratios"), CELLS)
def test_all_anchors_equal_torchvisions(image_size, map_size, sizes, ratios):
    cell = cell_anchors(sizes, ratios)
    stride = map_stride(image_size, map_size)
    ours = anchor_grid(cell, map_size=map_size, stride=stride)
    generator = AnchorGenerator((sizes,), (ratios,))
    images = ImageList(torch.zeros(1, 3, *image_size), [image_size])
    assert torch.equal(ours, generator(images, [torch.zeros(1, 4, *map_size)])[0])
    assert torch.equal(cell, generator.cell_anchors[0])


def test_the_ratio_is_height_over_width():
    tall, wide = cell_anchors((40,), (4, 0.25))
    assert tall.tolist() == [-10, -40, 10, 40]
    assert wide.tolist() == [-40, -10, 40, 10]
    areas = box_area(cell_anchors((100,), (0.5, 1, 2)))
    torch.testing.assert_close(areas, torch.full((3,), 10_000.0), rtol=0.02, atol=0)


def test_columns_move_x_and_rows_move_y():
    cell = torch.tensor([[-1.0, -2.0, 1.0, 2.0], [-3.0, -3.0, 3.0, 3.0]])
    grid = anchor_grid(cell, map_size=(2, 3), stride=(5, 7)).view(2, 3, 2, 4)
    for row in range(2):
        for column in range(3):
            x, y = 7 * column, 5 * row
            moved = cell + torch.tensor([x, y, x, y])
            assert torch.equal(grid[row, column], moved)


@pytest.mark.parametrize(
    ("sizes", "ratios", "name"),
    [((), (1,), "sizes"), ((8,), (), "ratios"), ((8, 0), (1,), "sizes")],
)
def test_anchors_need_sizes_and_ratios(sizes, ratios, name):
    with pytest.raises(ValueError, match=f"{name} is .*numbers above 0"):
        cell_anchors(sizes, ratios)


@pytest.mark.parametrize("map_size", [(0, 3), (9, 2), (2, 11)])
def test_a_map_has_positions_and_no_more_than_pixels(map_size):
    with pytest.raises(ValueError, match="use a larger image"):
        map_stride((8, 10), map_size)


def test_a_cell_is_a_list_of_boxes():
    with pytest.raises(ValueError, match="cell has shape"):
        anchor_grid(torch.zeros(3), map_size=(1, 1), stride=(8, 8))
