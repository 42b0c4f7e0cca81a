"""Figures: what is emitted, what is refused."""

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_utils import draw
from course_utils.draw import figure

IMAGE = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
BOXES = torch.tensor([[2.0, 3, 12, 15], [5, 0, 30, 20]])
LABELS = torch.tensor([1, 2])
MASKS = torch.zeros(2, 20, 30, dtype=torch.bool)
MASKS[0, 3:15, 2:12] = True
NAMES = ("background", "cube", "torus")


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What a notebook would be given to store."""
    bundles: list[dict[str, str]] = []
    monkeypatch.setattr(figure, "get_ipython", object)
    monkeypatch.setattr(figure, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def picture_of(bundle: dict[str, str]) -> Any:
    """The picture of an emitted figure."""
    source = re.search(r"base64,([^\"]+)", bundle["text/html"])
    assert source is not None
    return opened(base64.b64decode(source[1]))


def opened(png: bytes) -> Any:
    """The picture in these bytes."""
    return Image.open(io.BytesIO(png))


def drawn(pixels: Any) -> bytes:
    """A figure that holds an (H, W, 3) image, as PNG."""
    fig, (ax,) = draw.new_figure(width=4, height=4)
    draw.draw_image(ax, torch.as_tensor(pixels).permute(2, 0, 1))
    return draw.figure_png(fig)


SHOWS: dict[str, Callable[..., None]] = {
    "boxes": lambda **k: draw.show_boxes(IMAGE, BOXES, **k),
    "no boxes": lambda **k: draw.show_boxes(IMAGE, BOXES[:0], labels=LABELS[:0], **k),
    "named boxes": lambda **k: draw.show_boxes(
        IMAGE, {"truth": BOXES[:1], "none": BOXES[:0]}, **k
    ),
    "boxes with scores": lambda **k: draw.show_boxes(
        IMAGE, BOXES, labels=LABELS, scores=torch.tensor([0.9, 0.5]), **k
    ),
    "images": lambda **k: draw.show_images([IMAGE, IMAGE[:1, :5]], titles="ab", **k),
    "targets": lambda **k: draw.show_images(
        IMAGE[None], targets=[{"boxes": BOXES, "labels": LABELS}], **k
    ),
    "masks": lambda **k: draw.show_masks(IMAGE, MASKS, labels=LABELS, **k),
    "full mask": lambda **k: draw.show_masks(IMAGE, torch.ones(1, 20, 30), **k),
    "no masks": lambda **k: draw.show_masks(IMAGE, MASKS[:0], **k),
    "class map": lambda **k: draw.show_class_map(MASKS[0].long(), **k),
    "curves": lambda **k: draw.show_curves({"a": [2.0, 1.0], "b": ([0], [1.5])}, **k),
    "no curves": lambda **k: draw.show_curves({}, **k),
    "precision and recall": lambda **k: draw.show_precision_recall(
        {"cube": (torch.tensor([0.5, 1]), torch.tensor([1, 0.7]))}, **k
    ),
    "heat map": lambda **k: draw.show_heat_map(IMAGE[0], name="depth (m)", **k),
    "heat over image": lambda **k: draw.show_heat_map(IMAGE[0, :4], image=IMAGE, **k),
}


@pytest.mark.parametrize("name", SHOWS)
def test_every_show_emits_one_figure_with_its_texts(
    name: str, emitted: list[dict[str, str]]
):
    SHOWS[name](alt='a "1 < 2" picture', caption="see & learn")
    (bundle,) = emitted
    assert bundle["text/plain"] == 'a "1 < 2" picture'
    assert '<img alt="a &quot;1 &lt; 2&quot; picture" src=' in bundle["text/html"]
    assert "<figcaption>see &amp; learn</figcaption></figure>" in bundle["text/html"]
    picture = picture_of(bundle)
    assert f' width="{picture.width // 2}" ' in bundle["text/html"]
    assert "transparency" not in picture.info
    pixels = np.asarray(picture.convert("RGB")) / 255
    assert (pixels[[0, -1]][:, [0, -1]] == 1).all()  # white corners
    assert pixels.std() > 0.01
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", SHOWS)
@pytest.mark.parametrize("alt", ["", " \n"])
def test_a_figure_without_alt_text_is_refused(
    name: str, alt: str, emitted: list[dict[str, str]]
):
    with pytest.raises(ValueError, match="alt is"):
        SHOWS[name](alt=alt)
    assert emitted == []


def test_a_figure_of_pyplot_is_closed_even_when_it_is_refused():
    fig = plt.figure()
    with pytest.raises(ValueError, match="alt is ''"):
        draw.show(fig, alt="")
    assert plt.get_fignums() == []


def test_outside_a_notebook_the_alt_text_is_printed(
    capsys: pytest.CaptureFixture[str],
):
    draw.show_curves({"loss": [2.0, 1.0]}, alt="a falling line")
    assert capsys.readouterr().out == "[figure] a falling line\n"


def test_without_a_caption_there_is_no_empty_one(emitted: list[dict[str, str]]):
    draw.show_curves({"loss": [2.0, 1.0]}, alt="a falling line")
    assert "figcaption" not in emitted[0]["text/html"]


def test_the_same_figure_has_the_same_bytes():
    def png() -> bytes:
        fig, (ax,) = draw.new_figure()
        draw.draw_image(ax, IMAGE)
        draw.draw_boxes(ax, BOXES, labels=LABELS)
        return draw.figure_png(fig)

    assert png() == png()


def test_figures_show_80_pixels_an_inch_and_have_twice_as_many():
    fig, _ = draw.new_figure(width=5, height=2)
    png = draw.figure_png(fig, is_cropped=False)
    assert opened(png).size == (800, 320)
    assert figure.shown_width(png) == 400


def test_a_picture_of_few_colours_is_stored_exactly_in_a_palette():
    levels = np.random.default_rng(0).integers(0, 4, (20, 20, 3)) / 3
    fig, (ax,) = draw.new_figure(width=2, height=2)
    ax.set_axis_off()
    ax.imshow(levels, interpolation="nearest")
    png = draw.figure_png(fig)
    small = figure.small_png(png)
    assert opened(small).mode == "P"
    assert len(small) < len(png)
    assert (
        opened(small).convert("RGB").tobytes() == opened(png).convert("RGB").tobytes()
    )


def test_a_picture_of_many_shades_keeps_its_colours():
    noise = np.random.default_rng(0).random((128, 128, 3), dtype=np.float32)
    png = drawn(noise)
    small = opened(figure.small_png(png))
    assert small.mode == "RGB"
    assert small.tobytes() == opened(png).convert("RGB").tobytes()


def test_a_palette_hardly_shows_in_an_image_of_smooth_shades():
    x = np.linspace(0, 1, 128, dtype=np.float32)
    png = drawn(np.stack([*np.meshgrid(x, x), np.full((128, 128), 0.5)], -1) * 0.3)
    before, after = opened(png).convert("RGB"), opened(figure.small_png(png))
    assert after.mode == "P"
    error = np.asarray(before, float) - np.asarray(after.convert("RGB"), float)
    assert np.sqrt((error**2).mean()) < 3  # of 255: a PSNR of 39 dB


def test_drawing_leaves_matplotlibs_settings_as_they_were(
    emitted: list[dict[str, str]],
):
    before = dict(plt.rcParams)
    draw.show_boxes(IMAGE, BOXES, alt="two boxes")
    assert dict(plt.rcParams) == before


def test_labels_by_name_need_boxes_by_name():
    with pytest.raises(ValueError, match="name the boxes"):
        draw.show_boxes(IMAGE, BOXES, labels={"truth": LABELS}, alt="two boxes")


@pytest.mark.parametrize("column", ["labels", "scores"])
def test_boxes_by_name_need_labels_and_scores_by_name(column: str):
    with pytest.raises(ValueError, match="name these too"):
        draw.show_boxes(IMAGE, {"truth": BOXES}, **{column: LABELS}, alt="two boxes")


def test_an_image_without_a_title_is_refused():
    with pytest.raises(ValueError, match="1 titles for 2 images"):
        draw.show_images([IMAGE, IMAGE], titles=["first"], alt="two images")


def test_no_images_are_refused():
    empty: list[Tensor] = []
    with pytest.raises(ValueError, match="0 images"):
        draw.show_images(empty, alt="nothing")
