"""The page of a search: Optuna's pictures, and nothing from outside."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from searches import CONFIG, RATE

from modnet_optuna import tune


class Page(HTMLParser):
    """What a page consists of, and what it would load."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.labels: list[str] = []
        self.text = ""
        self.feed(Path(path).read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "svg":
            self.labels.append(values["aria-label"])
        self.loads += [values[name] for name in ("src", "href", "xlink:href", "data", "action") if values.get(name)]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_has_the_pictures_the_table_and_the_best_and_loads_nothing():
    search = tune(CONFIG, RATE | {"network.layers.0.activation": ["tanh", "relu"]}, trials=5, out="out")
    page = Page("out/search.html")
    assert [label.split(":")[0].split(" of ")[0] for label in page.labels] == [
        "History", "Importances", "Slices", "Parallel coordinates",
    ]  # fmt: skip
    assert all(address.startswith(("#", "data:")) for address in page.loads)
    assert not {"script", "iframe", "object", "embed", "audio", "video"} & set(page.tags)
    assert "@import" not in page.text
    assert "url(http" not in Path("out/search.html").read_text()
    assert search.best.to_toml().strip() in page.text
    assert page.tags.count("tr") == 1 + 5
    assert repr(search).partition("; ")[2].removesuffix(">") in page.text
    assert Path("out/search.html").stat().st_size < 1_000_000


@pytest.mark.parametrize("trials", [1, 2])
def test_few_trials_have_few_pictures(trials):
    tune({**CONFIG, "epochs": 0}, RATE, trials=trials, out="out")
    page = Page("out/search.html")
    assert page.tags.count("svg") == (4 if trials == 2 else 0)
    assert ("There are pictures from 2 complete trials on." in page.text) == (trials == 1)


def test_trials_that_are_all_the_same_can_be_drawn():
    tune({**CONFIG, "epochs": 0}, {"optimizer.batch_size": [8, 16, 32]}, trials=4, sampler="random", out="out")
    assert Page("out/search.html").tags.count("svg") == 4


def test_names_with_the_letters_of_html_and_formulas_are_shown_as_they_are():
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    names = ["<b>$a$.npz", "ü & $\\frac$.npz"]
    for name in names:
        np.savez(name, x=x, y=y)
    config = {
        "epochs": 1,
        "network": {"layers": [2]},
        "data": {"kind": "npz", "path": names[0], "validation_share": 0.2},
    }
    tune(config, {"data.path": names}, trials=4, sampler="random", out="out")
    page = Page("out/search.html")
    assert page.tags.count("svg") == 4
    assert "b" not in page.tags
    assert all(name in page.text for name in names)
