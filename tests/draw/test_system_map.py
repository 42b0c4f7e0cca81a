"""The map of a system shows what really flows, and leaves the system as it was."""

import html

import pytest
import torch
from torch import Tensor, nn

from course_utils.draw import system_map
from course_utils.draw.system_map import place_parts, show_system, watch


class Small(nn.Module):
    """Features, then two heads, then a function."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 5, 3, stride=2, padding=1)
        self.idle = nn.Identity()

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return features[:, :1], features[:, 1:]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        scores, deltas = self.heads(self.body(images))
        return best(scores) | {"deltas": deltas}


def best(scores: Tensor) -> dict[str, Tensor]:
    return {"score": scores.amax()}


IMAGES = torch.zeros(2, 3, 8, 12)
ARROWS = [("images", "body"), ("body", "heads"), ("heads", "best"), ("body", "best")]


@pytest.fixture
def small() -> Small:
    return Small()


def parts(small: Small) -> dict[str, system_map.Part]:
    here = __import__(__name__, fromlist=["best"])
    return {
        "images": IMAGES,
        "body": small.body,
        "heads": (small, "heads"),
        "best": (here, "best"),
    }


def test_the_shapes_are_those_of_the_call(small: Small):
    names = {"body": ["features"], "heads": ["objectness", "deltas"]}
    shapes = watch(lambda: small(IMAGES), parts(small), names)
    assert shapes == {
        "images": "2 × 3 × 8 × 12",
        "body": "features 2 × 5 × 4 × 6",
        "heads": "objectness 2 × 1 × 4 × 6, deltas 2 × 4 × 4 × 6",
        "best": "score scalar",
    }


def test_the_system_is_left_as_it_was(small: Small):
    before = best
    watch(lambda: small(IMAGES), parts(small), {})
    assert best is before
    assert "heads" not in vars(small)
    assert not small.body._forward_hooks


def test_the_map_says_in_words_what_it_shows(small: Small, capsys):
    show_system(lambda: small(IMAGES), parts(small), ARROWS, new=["heads"])
    said = html.unescape(capsys.readouterr().out)
    assert "body gives 2 × 5 × 4 × 6 to heads." in said
    assert "best gives score scalar. New: heads." in said


def test_each_part_stands_below_all_that_lead_to_it():
    places = place_parts(["images", "body", "heads", "best"], ARROWS)
    assert places == {"images": (0, 0), "body": (0, 1), "heads": (0, 2), "best": (0, 3)}
    assert place_parts(["a", "b", "c"], [("a", "c"), ("b", "c")]) == {
        "a": (0, 0),
        "b": (1, 0),
        "c": (0, 1),
    }


def test_what_cannot_be_drawn_is_refused(small: Small):
    def draw(more: dict[str, system_map.Part], arrows: list[system_map.Arrow]) -> None:
        show_system(lambda: small(IMAGES), parts(small) | more, arrows)

    with pytest.raises(ValueError, match=r"arrows name \['neck'\]"):
        draw({}, [*ARROWS, ("body", "neck")])
    with pytest.raises(ValueError, match="in a circle"):
        draw({}, [*ARROWS, ("best", "body")])
    with pytest.raises(ValueError, match=r"\['idle'\] never ran"):
        draw({"idle": small.idle}, ARROWS)
    with pytest.raises(ValueError, match=r"heads returned 2 values, but .*\['one'\]"):
        watch(lambda: small(IMAGES), parts(small), {"heads": ["one"]})
