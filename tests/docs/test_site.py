"""The site builds without a warning, and needs nothing that is not in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

import modnet
from modnet.builtin import modnet_components

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers", "latex2mathml", "matplotlib")
CHAPTER = ("mathematics", "feedforward", "gradient-descent", "backpropagation", "dampening")
missing = [name for name in NEEDED if find_spec(name) is None]
if missing:
    reason = f"the site cannot be built without {', '.join(missing)}: pip install '.[docs]'"
    pytest.skip(reason, allow_module_level=True)


class Reader(HTMLParser):
    """Collects what a page fetches, and its text outside of code."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.identifiers: set[str] = set()
        self.text: list[str] = []
        self.formulae = 0
        self.pictures: list[tuple[str, str]] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.formulae += tag == "math"
        if tag == "img":
            self.pictures.append((attributes.get("src") or "", attributes.get("alt") or ""))
        self._silent += tag in ("code", "script", "style")
        self.identifiers.add(attributes.get("id") or "")
        if tag == "a" or attributes.get("rel") in ("prev", "next"):  # followed, and not fetched
            return
        self.fetched += [value for name in ("src", "href", "srcset") if (value := attributes.get(name))]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("code", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # the theme's own news
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 5
    for page in pages:
        elsewhere = [place for place in read(page).fetched if re.match(r"(https?:)?//", place)]
        assert not elsewhere, page
    elsewhere_in_style = re.compile(r"(url\(|@import)\s*[\"']?(https?:)?//")
    for sheet in site.rglob("*.css"):
        assert not elsewhere_in_style.search(sheet.read_text(encoding="utf-8")), sheet


def test_formulae_are_mathml(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = "".join(read(page).text)
        for left_over in ("\\(", "\\[", "$$", "\\frac", "arithmatex"):
            assert left_over not in text, page
    assert sum(read(site / f"{name}.html").formulae for name in CHAPTER) > 100


def test_every_figure_is_there_and_says_what_it_shows(site: Path) -> None:
    shown = []
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<!-- figure" not in text
        for place, words in read(page).pictures:
            assert (site / place).stat().st_size > 1000, (page, place)
            assert len(words) > 40, (page, place)
            shown.append(place)
    assert sorted(place for place in shown if place.startswith("figures/")) == sorted(
        path.relative_to(site).as_posix() for path in (site / "figures").iterdir()
    )


def test_reference_has_every_part_and_option(site: Path) -> None:
    page = site / "parts.html"
    reader, text = read(page), page.read_text(encoding="utf-8")
    for part in modnet_components():
        assert f"{part.family}-{part.kind_name()}" in reader.identifiers
        for option in part.option_names():
            assert f"<code>{option}</code>" in text
    for other in site.rglob("*.html"):
        assert "<!-- reference" not in other.read_text(encoding="utf-8")


def test_reference_has_every_public_name(site: Path) -> None:
    identifiers = set().union(*(read(page).identifiers for page in (site / "reference").glob("*.html")))
    public = {name for name in dir(modnet) if not name.startswith("__")}
    assert {f"modnet.{name}" for name in public} <= identifiers
    assert {"modnet.Layer.forward", "modnet.TrainingView.learning_rate", "modnet.Optimizer.rule"} <= identifiers
    page = (site / "reference/interfaces.html").read_text(encoding="utf-8")
    (title,) = re.findall(r'<h3 id="modnet\.Layer\.forward".*?</h3>', page, re.DOTALL)
    assert "<code>required</code>" in title


def test_hooks_are_not_published(site: Path) -> None:
    assert not list(site.rglob("*.py"))
