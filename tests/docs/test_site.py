"""The site builds without a warning, and needs nothing that is not in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
from cli.browser import browser

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
    """Collects what a page fetches and links to, and its text outside of code."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.identifiers: set[str] = set()
        self.text: list[str] = []
        self.formulae = 0
        self.pictures: list[tuple[str, str]] = []
        self.drawings: list[str] = []
        self.links: list[tuple[str, list[str]]] = []
        self.words: set[str] = set()
        self._silent = self._article = 0
        self._link: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.formulae += tag == "math"
        if tag == "img":
            self.pictures.append((attributes.get("src") or "", attributes.get("alt") or ""))
        if tag == "svg" and attributes.get("role") == "img":
            self.drawings.append(attributes.get("aria-label") or "")
        self._article += tag == "article"
        if tag == "a" and self._article and attributes.get("class") != "headerlink":
            self._link = []
            self.links.append((attributes.get("href") or "", self._link))
        self._silent += tag in ("code", "script", "style")
        self.identifiers.add(attributes.get("id") or "")
        if tag == "a" or attributes.get("rel") in ("prev", "next"):  # followed, and not fetched
            return
        self.fetched += [value for name in ("src", "href", "srcset") if (value := attributes.get(name))]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("code", "script", "style")
        self._article -= tag == "article"
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)
        if self._article:
            words = re.findall(r"[^\W_]+", data.lower())
            self.words.update(words)
            if self._link is not None:
                self._link += words


@cache
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
        assert "<!-- figure" not in page.read_text(encoding="utf-8")
        assert all(len(words) > 40 for words in read(page).drawings), page
        for place, words in read(page).pictures:
            assert (site / place).stat().st_size > 1000, (page, place)
            assert len(words) > 40, (page, place)
            shown.append(place)
    assert sorted(place for place in shown if place.startswith("figures/")) == sorted(
        path.relative_to(site).as_posix() for path in (site / "figures").iterdir()
    )
    assert sum(len(read(page).drawings) for page in site.glob("*.html")) == 14


ABOUT_THE_LINK = {"the", "next", "page", "same", "itself", "two"}
"""Words of a link that need not be on the page to which it leads."""


def test_links_lead_to_places_that_have_their_words(site: Path) -> None:
    counted = 0
    for page in site.rglob("*.html"):
        for address, words in read(page).links:
            if re.match(r"\w+:", address):
                continue
            place, _, anchor = address.partition("#")
            target = (page.parent / unquote(place)).resolve() if place else page
            assert target.is_file(), (page.name, address)
            if target.suffix != ".html":
                continue
            there = read(target)
            assert not anchor or unquote(anchor) in there.identifiers, (page.name, address)
            for word in set(words) - ABOUT_THE_LINK:
                stem = word[: max(4, len(word) - 3)]  # of another form of the word
                assert any(other.startswith(stem) for other in there.words), (page.name, address, word)
            counted += 1
    assert counted > 300


def test_symbols_in_docstrings_are_typeset(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not re.findall(r"\S*(?:\w\^|_\{)\S*", "".join(read(page).text)), page
    parts = (site / "parts.html").read_text(encoding="utf-8")
    assert "aᵢ = e<sup>zᵢ</sup> / Σⱼ e<sup>zⱼ</sup> over" in parts
    assert "δ<sup>L</sup> = a − y" in parts
    analysis = (site / "reference/analysis.html").read_text(encoding="utf-8")
    assert "(n<sub>l</sub>, n<sub>l−1</sub>)" in analysis
    names = "dtype,\N{NO-BREAK SPACE}size</span>"
    types = '<span title="str">str</span> and <span title="int">int</span>'
    assert re.search(rf"{names}(?:(?!<li).)*{types}", analysis, re.DOTALL)


def test_a_display_has_one_equation_a_line(site: Path) -> None:
    """What does not fit on a phone breaks before an equals sign, and what still does not fit scrolls."""
    for name in CHAPTER:
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        blocks = re.findall(r'<div class="formula">(.*?)</div>', page, re.DOTALL)
        assert blocks or name == "mathematics"
        for side in "<wbr>".join(blocks).split("<wbr>"):
            plain = re.sub(
                r"<(m(?:row|frac|sub|sup|subsup|under|over|underover|table))>.*</\1>", "", side, flags=re.DOTALL
            )
            assert plain.count("<mo>=</mo>") <= 1, (name, side)
            assert 'width="2em"' not in side, (name, side)  # \\qquad


@pytest.mark.soak
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_in_the_pages_colours(site: Path, tmp_path: Path, scheme: str) -> None:
    scrolling = (
        "[...document.querySelectorAll('.md-content article *')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
        "e.clientWidth && getComputedStyle(e).overflowX != 'visible')"
    )
    with browser(tmp_path / "profile") as chromium:
        for page in site.rglob("*.html"):
            chromium.open(page, 390, scheme=scheme)
            assert chromium.value("document.documentElement.scrollWidth") <= 390, page
            found = chromium.value(f"{scrolling}.map(e => [e.outerHTML.slice(0, 99), getComputedStyle(e).background])")
            for element, background in found:
                assert background.count("linear-gradient") == 4, (page, element)
            white = "[...document.querySelectorAll('.card')].map(e => getComputedStyle(e).backgroundColor)"
            assert set(chromium.value(white)) <= {"rgba(0, 0, 0, 0)"}
            inks = "[...document.querySelectorAll('.drawn svg')].map(e => getComputedStyle(e).color)"
            for ink in chromium.value(inks):
                assert (min(map(int, re.findall(r"\d+", ink)[:3])) > 180) is (scheme == "dark"), page


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
