"""``modnet report``: one page that needs nothing but itself, says everything, and is right."""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cli.browser import browser
from cli.running import Modnet, outputs_of
from hatchling.builders.wheel import WheelBuilder
from safetensors.numpy import load_file

import modnet
from modnet import RunReport, Trainer, load, report_html
from modnet.analysis.report.report import provenance
from modnet.data.datasets.arrays import Digits

VOID = {"meta", "link", "img", "br"}
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "& \N{GREEK SMALL LETTER DELTA} $x$ `ls`"]


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    folder = tmp_path_factory.mktemp("report") / "run"
    Trainer.from_config({"epochs": 3}).fit(out=folder)
    return modnet.report(folder)


@pytest.fixture(scope="module")
def digits(report: RunReport) -> tuple[Path, str]:
    return Path(report.results.run), report_html(report)


def write_hostile(folder: Path, rng: np.random.Generator) -> Path:
    """Make a run whose names are code: of classes, of features, and of its folder."""
    names = ["<b>length</b>", "'width' & \"height\""]
    rows = [f"{a:.3f},{b:.3f},{k}" for k in range(3) for a, b in rng.normal(size=(20, 2)) + k * 0.7]
    quoted = [",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in [*names, "sort"])]
    for row in rows:
        *numbers, k = row.split(",")
        quoted.append(",".join([*numbers, '"' + HOSTILE[int(k)].replace('"', '""') + '"']))
    (folder / "hostile.csv").write_text("\n".join(quoted) + "\n", encoding="utf-8")
    data = {"kind": "csv", "path": str(folder / "hostile.csv"), "target": "sort"}
    run = folder / "<script>alert('run')"
    Trainer.from_config({"epochs": 3, "data": data, "network": {"layers": [3]}}).fit(out=run)
    return run


def test_the_page_is_whole_and_in_order(digits: tuple[Path, str]) -> None:
    _, text = digits
    assert text.startswith("<!doctype html>\n")
    page = Page(text)
    assert page.all("html") == [{"lang": "en"}]
    assert page.texts["title"] == page.texts["h1"] == ["modnet run run"]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.texts["h2"] == [
        "Results", "Learning curves", "Confusion matrix", "Worst mistakes", "Network",
        "Gradient dampening (vanishing gradients)", "Samples", "Configuration", "Components and versions",
        "Repeat this run",
    ]  # fmt: skip
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    headings = [attributes["id"] for attributes in page.all("h2")]
    assert [f"#{name}" for name in headings] == [attributes["href"] for attributes in page.all("a")]
    for attributes in page.all("use"):
        assert (attributes["xlink:href"] or "").removeprefix("#") in identifiers
    clips = [attributes["clip-path"] or "" for _, attributes in page.tags if "clip-path" in attributes]
    assert {clip.removeprefix("url(#").removesuffix(")") for clip in clips} <= set(identifiers)


def test_the_page_asks_for_nothing(digits: tuple[Path, str]) -> None:
    _, text = digits
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "base", "form"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "srcset", "data", "poster"):
            assert re.match(r"(data:|#)", attributes.get(name) or "#")
    (style,) = page.texts["style"]
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"url\((?!#)", text)


def test_every_picture_is_told_with_its_numbers(digits: tuple[Path, str]) -> None:
    folder, text = digits
    x, y = Digits().load().test
    right = int(np.sum(outputs_of(folder, x).argmax(axis=1) == y))
    told = [attributes["aria-label"] or "" for attributes in Page(text).all("svg")]
    assert len(told) == 5
    assert {attributes["role"] for attributes in Page(text).all("svg")} == {"img"}
    assert "best test cost" in told[0]
    assert "best test accuracy" in told[1]
    assert f"360 test samples: {right} are correct ({right / 360:.2%})" in told[2]
    assert told[3].startswith(f"The worst 12 of {360 - right} mistakes among 360 test samples. sample ")
    assert "‖δ‖ at the start: layer 1 " in told[4]


def test_pictures_are_of_the_pages_own_colours(digits: tuple[Path, str]) -> None:
    """On a dark page nothing that is drawn is a sheet of white, and nothing is written in dark ink."""
    pictures = re.findall(r"<svg .*?</svg>", digits[1], re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        assert picture.count("currentColor") > 10
        assert "#333333" not in picture
        assert not re.search(r"fill: ?(#fff|white|#000|black)", picture)


def test_the_page_says_everything(digits: tuple[Path, str]) -> None:
    folder, text = digits
    page, network = Page(text), load(folder)
    assert network.config is not None
    configuration, command = page.texts["pre"]
    assert configuration == network.config.to_toml()
    assert configuration in (folder / "config.toml").read_text()
    assert command == f"modnet train {folder}/config.toml --out {folder}-again"
    cells = page.texts["td"]
    for said in ("W¹ 30 × 64, b¹ 30", "network.layers.0.initializer", "standard-normal", "modnet-framework"):
        assert said in cells
    assert any(line.startswith(("No problem found", "Problem")) for line in page.texts["p"])
    assert page.texts["p"][0].startswith("Reached test accuracy")


def test_the_wheel_has_the_page_and_every_other_data_file() -> None:
    root = Path(__file__).resolve().parents[2]
    included = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    assert {"modnet/analysis/report/page.html", "modnet/analysis/report/page.css"} <= included
    source = root / "src"
    data = {path for path in source.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".py")}
    assert {path.relative_to(source).as_posix() for path in data} <= included


def test_the_same_run_gives_the_same_page(report: RunReport, digits: tuple[Path, str]) -> None:
    assert report_html(report) == digits[1]


def same_models(one: str | Path, other: str | Path) -> bool:
    ours, theirs = (load_file(Path(run) / "model.safetensors") for run in (one, other))
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


def test_the_pages_command_repeats_the_run(trained: Modnet, tmp_path: Path, digits: tuple[Path, str]) -> None:
    folder, text = digits
    name, *arguments, again = shlex.split(Page(text).texts["pre"][1])
    assert name == "modnet"
    trained(*arguments, tmp_path / "again")
    assert same_models(folder, tmp_path / "again")
    assert again == f"{folder}-again"


@pytest.mark.parametrize(
    "changes",
    [
        ("--set", "optimizer.rule=adam", "--set", "network.layers.0.activation=relu", "--seed", "7"),
        ("--set", "data.validation_share=0.2", "--set", "callbacks=['early-stopping']", "--dtype", "float32"),
        ("--set", "optimizer.kind=batch", "--set", "engine.threads=2", "--set", "data.transforms=['standard']"),
    ],
)
def test_the_command_repeats_other_runs_bit_by_bit(trained: Modnet, changes: tuple[str, ...]) -> None:
    folder = "runs/the first run"
    trained("train", "--epochs", 2, *changes, "--quiet", "--out", folder)
    command = provenance(folder).command
    assert command is not None
    trained(*shlex.split(command)[1:])
    assert same_models(folder, f"{folder}-again")


def test_names_are_never_markup(trained: Modnet, tmp_path: Path, rng: np.random.Generator) -> None:
    run = write_hostile(tmp_path, rng)
    assert trained("report", run, "--no-suggestion").out.endswith(f"The report is in {run}/report.html.\n")
    text = (run / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<script" not in text
    assert "onerror=alert(2)>" not in text
    assert page.texts["title"] == ["modnet run <script>alert('run')"]
    for name in HOSTILE:
        assert name in page.texts["td"]
    assert "<b>length</b>" in page.texts["th"]
    assert shlex.split(page.texts["pre"][1])[2] == f"{run}/config.toml"


def test_the_numbers_come_as_json_and_without_matplotlib(modnet: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert modnet("train", "--epochs", 2, "--quiet", "--out", "run").code == 0
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = modnet("report", "run", "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert list(found) == ["network", "results", "dampening", "provenance", "warnings"]
    assert found["network"]["size"] == 2260
    assert found["provenance"]["command"] == "modnet train run/config.toml --out run-again"
    assert {"verdict", "patch", "start"} <= set(found["dampening"])
    assert len(found["results"]["mistakes"]) == 12
    assert not Path("run/report.html").exists()
    monkeypatch.setattr("modnet.cli.report.report", None)
    result = modnet("report", "run")
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: pictures need matplotlib: pip install matplotlib\n"


def test_what_is_not_there_is_said(report: RunReport) -> None:
    untrained = replace(report.results, curves=(), matches_history=False)
    page = Page(report_html(replace(report, results=untrained, provenance=replace(report.provenance, command=None))))
    assert "No epoch was trained, so there are no curves." in page.texts["p"]
    assert "is not the cost of any epoch in the history" in page.texts["p"][1]
    assert len(page.texts["pre"]) == 1
    assert page.texts["p"][-1].startswith("There is no run folder whose config.toml is what the model was trained by.")


@pytest.mark.soak
def test_a_browser_draws_it_without_a_word(tmp_path: Path, rng: np.random.Generator, digits: tuple[Path, str]) -> None:
    """In Chromium, on a telephone and a desk, in light and dark: every picture, nothing too wide, no request."""
    layer = {"kind": "dense", "units": 1, "activation": "identity"}
    x = rng.normal(size=(80, 3))
    np.savez(tmp_path / "some.npz", x=x, y=x[:, :1])
    data = {"kind": "npz", "path": str(tmp_path / "some.npz")}
    numbers = tmp_path / "numbers"
    config = {"epochs": 3, "data": data, "network": {"layers": [layer]}, "optimizer": {"learning_rate": 0.1}}
    Trainer.from_config(config).fit(out=numbers)
    deep = tmp_path / "deep"  # which is dampened, so that a remedy is shown
    layers = [{"kind": "dense", "units": 30, "initializer": "scaled-normal"}] * 5 + [10]
    Trainer.from_config({"epochs": 3, "network": {"layers": layers}}).fit(out=deep)
    Trainer.from_config({"epochs": 0}).fit(out=tmp_path / "untrained")
    pages = {"digits": digits[1]}
    for run in (write_hostile(tmp_path, rng), numbers, deep, tmp_path / "untrained"):
        pages[str(len(pages))] = report_html(modnet.report(run))
    with browser(tmp_path / "profile") as chromium:
        for name, text in pages.items():
            file = tmp_path / f"{name}.html"
            file.write_text(text, encoding="utf-8")
            backgrounds = set()
            for width in (320, 390, 500, 1280):
                for scheme in ("light", "dark"):
                    chromium.open(file, width, scheme=scheme)
                    assert chromium.messages == []
                    assert [url for url in chromium.requests if not url.startswith("data:")] == [file.as_uri()]
                    assert chromium.value("document.documentElement.scrollWidth") <= width
                    pictures = chromium.value(
                        "[...document.querySelectorAll('.card svg')].map(i => i.getBoundingClientRect().width)"
                    )
                    assert len(pictures) == text.count("<svg ")
                    assert min(pictures) > 150
                    scrolling = chromium.value(
                        "[...document.querySelectorAll('.scroll, .card')].filter(i => i.scrollWidth > i.clientWidth)"
                        ".map(i => [i.className, getComputedStyle(i).backgroundImage.split('linear').length])"
                    )
                    assert {count for _, count in scrolling} <= {5}  # its edges are shaded
                    assert width < 500 or name != "digits" or "card" not in dict(scrolling)
                    assert chromium.value("document.fonts.status") == "loaded"
                    colours = chromium.value("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
                    ink, paper = (brightness(colour) for colour in colours)
                    assert (paper < 0.1 < 0.7 < ink) if scheme == "dark" else (ink < 0.1 < 0.9 < paper)
                    backgrounds.add(chromium.value("getComputedStyle(document.querySelector('.card')).backgroundColor"))
            assert backgrounds == {"rgba(0, 0, 0, 0)"}


def brightness(colour: str) -> float:
    """Return the relative luminance of an ``rgb(…)`` colour (WCAG 2.2)."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
