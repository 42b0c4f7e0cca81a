"""Models kept in the cache: what is kept comes back, and nothing else does."""

from pathlib import Path

import pytest
import torch

from course_utils.models.faster_rcnn import small_faster_rcnn
from course_utils.training.kept_models import keep_model, kept_path, load_model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def a_model(seed: int, width: int = 8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return small_faster_rcnn((8, width), num_classes=3)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_a_kept_model_comes_back_and_predicts_the_same():
    model, other = a_model(0), a_model(1).train()
    path = keep_model(model, "faster_rcnn", "laptop")
    assert path == kept_path("faster_rcnn", "laptop")
    assert load_model(other, "faster_rcnn", "laptop")
    assert not other.training
    image = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    one, two = model.predict(image)[0], other.predict(image)[0]
    for name, values in one.items():
        assert torch.equal(values, two[name])


def test_the_newest_is_kept_and_budgets_are_apart():
    keep_model(a_model(0), "faster_rcnn", "laptop")
    keep_model(a_model(1), "faster_rcnn", "laptop")
    keep_model(a_model(2), "faster_rcnn", "smoke")
    loaded = a_model(3)
    assert load_model(loaded, "faster_rcnn", "laptop")
    expected = weights(a_model(1))
    assert all(torch.equal(v, expected[k]) for k, v in weights(loaded).items())


def refused(model, capsys, words: str, budget: str = "laptop") -> None:
    before = weights(model)
    assert not load_model(model, "faster_rcnn", budget)
    assert words in capsys.readouterr().out
    assert all(torch.equal(v, before[k]) for k, v in weights(model).items())


def test_where_none_is_kept_the_reason_is_said(capsys):
    keep_model(a_model(0), "faster_rcnn", "smoke")
    refused(
        a_model(1), capsys, "no trained faster_rcnn is kept for the budget 'laptop'"
    )


def test_a_model_of_another_shape_stays_as_it_is(capsys):
    keep_model(a_model(0), "faster_rcnn", "laptop")
    refused(a_model(1, width=16), capsys, "is of another run: model was")


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "no weights"])
def test_a_broken_file_is_not_used(damage: str, capsys):
    path = keep_model(a_model(0), "faster_rcnn", "laptop")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "no weights":
        content = torch.load(path, weights_only=True)
        torch.save({"identity": content["identity"]}, path)
    else:
        path.write_bytes(b"not a model" if damage == "text" else b"")
    refused(a_model(1), capsys, "the kept faster_rcnn cannot be used")


def test_a_crash_leaves_the_older_model(monkeypatch: pytest.MonkeyPatch):
    model = a_model(0)
    path = keep_model(model, "faster_rcnn", "laptop")

    def crash(content, file):
        file.write(b"half")
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", crash)
        with pytest.raises(OSError, match="disk is full"):
            keep_model(a_model(1), "faster_rcnn", "laptop")
    assert load_model(a_model(2), "faster_rcnn", "laptop")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["", "../escape", "a b", "x.pt"])
def test_a_name_that_is_no_word_is_refused(name: str):
    with pytest.raises(ValueError, match="becomes the name of a file"):
        keep_model(a_model(0), name, "laptop")
