"""Windows on images: what lies in one fills the whole image, with its objects.

A window smaller than the image zooms in, a larger one zooms out. Windows are boxes
(B, 4) xyxy, one per image, in its pixels, and may reach beyond it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.models.model import Target
from course_utils.ops.boxes import box_area, box_overlap, clip_boxes
from course_utils.training.augment.flips import check_entries

Batch = tuple[Tensor, list[Target]]
OVERLAPS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # 0 is a patch with any overlap
KNOWN = ("boxes", "labels", "image_id")


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Numbers in [0, 1), on the generator's own device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def whole_images(images: Tensor) -> Tensor:
    """The windows (B, 4) that change nothing."""
    height, width = images.shape[-2:]
    return torch.tensor([[0.0, 0.0, width, height]]).repeat(len(images), 1)


def zoom_out(
    windows: Tensor, generator: torch.Generator, *, most: float = 4.0
) -> Tensor:
    """Windows of 1 to `most` times the sides of others that they hold: (B, 4).

    SSD's expansion (Liu et al. 2016): what was in view becomes smaller, and lies
    anywhere. Raises ValueError if `most` is below 1.
    """
    if not most >= 1:
        raise ValueError(f"most is {most}, but 1 is the least that holds the image")
    r = uniform(generator, len(windows), 3)
    sides = windows[:, 2:] - windows[:, :2]
    added = (most - 1) * r[:, :1] * sides  # (B, 2)
    low = windows[:, :2] - added * r[:, 1:]
    return torch.cat([low, low + sides + added], dim=1)


def shift_sides(
    windows: Tensor, generator: torch.Generator, *, most: float = 0.2
) -> Tensor:
    """Windows with each side moved by up to `most` of its length: (B, 4).

    YOLO's scaling and translation by up to 20 % (Redmon et al. 2016, section 2.2), as
    its code does it: all four sides move independently.
    """
    shift = most * (2 * uniform(generator, len(windows), 4) - 1)
    return windows + shift * (windows[:, 2:] - windows[:, :2]).repeat(1, 2)


def random_patches(
    windows: Tensor,
    count: int,
    generator: torch.Generator,
    *,
    scale: tuple[float, float] = (0.3, 1.0),
    ratio: float = 2.0,
) -> Tensor:
    """Patches of random sizes and places in each window: (B, 4) -> (B, count, 4).

    SSD's sizes: 0.1 to 1 of the area is a scale of about 0.3 to 1 of the sides. Width
    over height, counted in sides of the window, lies from 1 / `ratio` to `ratio`.
    """
    r = uniform(generator, len(windows), count, 4)
    s = scale[0] + (scale[1] - scale[0]) * r[..., 0]
    widest = s.pow(-2).clamp(max=ratio)  # a large patch cannot be wide and still fit
    shape = 1 / widest + (widest - 1 / widest) * r[..., 1]
    sides = torch.stack([s * shape.sqrt(), s / shape.sqrt()], dim=-1).clamp(max=1)
    low = r[..., 2:] * (1 - sides)
    corners = torch.cat([low, low + sides], dim=-1)  # (B, count, 4) in sides
    start, side = windows[:, None, :2], (windows[:, 2:] - windows[:, :2])[:, None]
    return start.repeat(1, 1, 2) + corners * side.repeat(1, 1, 2)


def centres_inside(boxes: Tensor, windows: Tensor) -> Tensor:
    """Whether a box's centre lies in a window: (..., 4), (..., 4) -> (...) bool."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    inside = (centre >= windows[..., :2]) & (centre < windows[..., 2:])
    return inside.all(dim=-1)


def patch_overlaps(boxes: Tensor, image: Tensor, patches: Tensor) -> Tensor:
    """The highest IoU of each patch with an object whose centre it holds, or -1.

    (N, 4) boxes, the image (N,) of each, and (B, T, 4) patches -> (B, T).
    """
    patch, box = patches[image], boxes[:, None]  # (N, T, 4), (N, 1, 4)
    shared = box_overlap(box, patch)
    union = box_area(boxes)[:, None] + box_overlap(patch, patch) - shared
    iou = (shared / union).where(centres_inside(box, patch), -1.0)  # (N, T)
    best = patches.new_full(patches.shape[:2], -1.0)
    return best.scatter_reduce(0, image[:, None].expand_as(iou), iou, "amax")


def sample_patches(
    boxes: Sequence[Tensor],
    windows: Tensor,
    generator: torch.Generator,
    *,
    overlaps: Sequence[float] = OVERLAPS,
    trials: int = 50,
) -> Tensor:
    """SSD's patch of each window: all of it, or one with a minimum overlap.

    For each minimum, the first of `trials` patches is taken that has at least this IoU
    with some object (not with every one) whose centre it holds. One of those and the
    whole is drawn. An image without objects stays whole.

    Args:
        boxes: (N, 4) objects of each of the B images.
        windows: (B, 4) where patches may lie.
        generator: of the chances.
        overlaps: the minimum overlaps to choose from.
        trials: patches to draw for each window.
    """
    counts = torch.tensor([len(of_image) for of_image in boxes])
    image = torch.arange(len(boxes)).repeat_interleave(counts)  # (N,)
    patches = random_patches(windows, trials, generator)  # (B, T, 4)
    best = patch_overlaps(torch.cat(list(boxes)), image, patches)  # (B, T)
    choices, is_found = first_fitting(patches, best, overlaps)  # (B, K, 4), (B, K)
    choices = torch.cat([choices, windows[:, None]], dim=1)
    is_found = F.pad(is_found, (0, 1), value=True)  # the whole is always there
    chance = uniform(generator, *is_found.shape).where(is_found, -1.0)
    return choices[torch.arange(len(choices)), chance.argmax(dim=1)]


def first_fitting(
    patches: Tensor, best: Tensor, overlaps: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """For each minimum overlap, the first patch that reaches it, and whether one does.

    (B, T, 4) patches with (B, T) overlaps, and K minima -> (B, K, 4) and (B, K) bool.
    """
    fits = best[:, None] >= torch.tensor(overlaps)[:, None]  # (B, K, T)
    is_found, first = fits.max(dim=2)  # (B, K) each
    return patches.gather(1, first[:, :, None].expand(-1, -1, 4)), is_found


def look_through(images: Tensor, windows: Tensor, *, fill: float = 0.5) -> Tensor:
    """What each window shows, at the size of the image: (B, 3, H, W) -> the same shape.

    Between pixels the value is bilinear; outside of the image it is `fill`. Raises
    ValueError unless every window has an area.
    """
    sides = windows[:, 2:] - windows[:, :2]  # (B, 2)
    check_sides(sides)
    limits = windows.new_tensor([images.shape[-1], images.shape[-2]])
    # The sampler counts from -1 to 1 between the outer edges of the image.
    scale, middle = sides / limits, (windows[:, :2] + windows[:, 2:]) / limits - 1
    theta = torch.cat([torch.diag_embed(scale), middle[:, :, None]], dim=2)
    grid = F.affine_grid(theta.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images - fill, grid, align_corners=False).add_(fill)


def check_sides(sides: Tensor) -> None:
    """Raises ValueError unless all windows have an area."""
    if not (sides > 0).all():
        raise ValueError(f"windows of sides {sides.tolist()}: expected more than 0")


def targets_through(
    targets: Sequence[Target], windows: Tensor, height: int, width: int
) -> list[Target]:
    """The targets of what windows show, blown up to `height` and `width`.

    An object is kept if its centre lies in the window; its box is moved, scaled and
    clipped. Raises ValueError if a target holds truth that cannot be moved.
    """
    check_entries(targets, KNOWN)
    boxes = [target["boxes"].as_subclass(Tensor) for target in targets]
    counts = [len(of_image) for of_image in boxes]
    window = windows.repeat_interleave(torch.tensor(counts), dim=0)  # (N, 4)
    scale = torch.tensor([width, height]) / (window[:, 2:] - window[:, :2])
    all_boxes = torch.cat(boxes)
    moved = (all_boxes - window[:, :2].repeat(1, 2)) * scale.repeat(1, 2)
    clipped = torch.split(clip_boxes(moved, height, width), counts)
    kept = torch.split(centres_inside(all_boxes, window), counts)
    return [
        target | {"boxes": boxes[here], "labels": target["labels"][here]}
        for target, boxes, here in zip(targets, clipped, kept, strict=True)
    ]


def see_through(images: Tensor, targets: Sequence[Target], windows: Tensor) -> Batch:
    """What windows (B, 4) show of the images, and of their objects."""
    height, width = images.shape[-2:]
    return (
        look_through(images.as_subclass(Tensor), windows),
        targets_through(targets, windows, height, width),
    )
