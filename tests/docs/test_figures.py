"""The figures and tables of the chapter on the document: they are what its pages say of them."""

from __future__ import annotations

import importlib.util
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from modnet import load_config

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUICK = ("digit", "weight-rows", "network", "chain", "reversed-network", "slope", "activations", "sigmoid-or-relu",
         "customers-curves", "customers-confusion")  # fmt: skip
LEARNT, NOTHING = 0.85, 0.11


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # the hooks import each other by name
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", autouse=True)
def _own_path() -> Iterator[None]:
    before = sys.path.copy()
    yield
    sys.path[:] = before


@pytest.fixture(scope="module")
def depths() -> ModuleType:
    return hook("depths")


@pytest.fixture(scope="module")
def descents() -> ModuleType:
    return hook("descents")


@pytest.fixture(scope="module")
def figures(depths: ModuleType) -> ModuleType:
    del depths
    for name in ("matplotlib", "mkdocs"):
        pytest.importorskip(name)
    return hook("figures")


def written(text: str) -> list[list[list[str]]]:
    """Return the tables of a text, without the lines below their heads."""
    found = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    tables = [[[cell.strip() for cell in line.strip("|").split("|")] for line in one.splitlines()] for one in found]
    return [[head, *rows] for head, _, *rows in tables]


def page(name: str = "dampening") -> list[list[list[str]]]:
    return written((DOCS / f"{name}.md").read_text(encoding="utf-8"))


def number(cell: str) -> float:
    return float(cell.replace(",", "").strip("× %"))


def of_types() -> list[dict[str, list[float]]]:
    """Return the three tables on the types of gradient descent: type → the numbers of its row; NaN for a word."""
    tables = [table for table in page("gradient-descent") if table[1][0] == "batch" and "last cost" in table[0]]
    tables += [table for table in page("gradient-descent") if "mean rise" in table[0]]
    reached, seeds, rises = (
        {
            row[0]: [number(cell) if cell[-1].isdigit() or cell.endswith("%") else np.nan for cell in row[1:]]
            for row in rows
        }
        for _, *rows in tables
    )
    return [reached, rises, seeds]


def test_written_shrinkage_is_that_of_the_networks(depths: ModuleType) -> None:
    data = load_config().data.load()
    (head, *rows), _ = page()
    assert [int(row[0]) for row in rows] == list(range(2, 9))
    assert head[1:3] == [f"‖δᴸ‖ / ‖δ¹‖, {start}" for start in ("sigmoid", "relu")]
    for depth, sigmoid, relu, *_ in rows[::3]:
        assert sigmoid == depths.shrinks("sigmoid", int(depth), data)
        assert relu == depths.shrinks("relu", int(depth), data)


def test_a_network_of_the_table_is_as_the_page_says(depths: ModuleType) -> None:
    for start, (activation, scale) in {"sigmoid": ("sigmoid", 1.0), "relu": ("relu", 2.0)}.items():
        config = load_config(depths.configuration(start, 8))
        *hidden, output = config.network.layers
        assert [layer.units for layer in config.network.layers] == [30] * 7 + [10]
        assert {layer.activation.kind for layer in hidden} == {activation}
        assert output.activation.kind == "sigmoid"
        drawn = hidden[0].initializer(np.random.default_rng(0), (400, 200), fan_in=200, fan_out=400)
        assert drawn.var() == pytest.approx(scale / 200, rel=0.02)
        assert (config.network.cost.kind, config.optimizer.learning_rate, config.epochs) == ("quadratic", 0.3, 30)


@pytest.mark.soak
def test_written_accuracies_are_reached(depths: ModuleType) -> None:
    """Where something is learnt, or nothing at all; between the two the last bits decide."""
    again = written(f"{depths.table()}\n\n{depths.cures()}")
    for table, other in zip(page(), again, strict=True):
        assert table[0] == other[0]
        for cell, new in zip(chain(*table[1:]), chain(*other[1:]), strict=True):
            if not cell.endswith(" %"):
                assert cell == new
                continue
            share, reached = (float(text.removesuffix(" %")) / 100 for text in (cell, new))
            if share > LEARNT or share < NOTHING:
                assert reached == pytest.approx(share, abs=0.02)


def test_only_what_the_page_says_is_changed_against_dampening(depths: ModuleType) -> None:
    (_, *rows) = page()[1]
    assert [row[0] for row in rows] == list(depths.CURES)
    plain = load_config(depths.cured("nothing")).to_config()
    assert plain == load_config(depths.configuration("sigmoid, η = 3", 6)).to_config()
    for cure in depths.CURES:
        config = load_config(depths.cured(cure))
        words = re.findall(r"`(\S+)`", cure)
        parts = {config.network.cost.kind, config.optimizer.rule.kind}
        for layer in config.network.layers:
            parts |= {layer.activation.kind, layer.initializer.kind}
        usual = {"sigmoid", "scaled-normal", "quadratic", "plain"}
        assert len(config.network.layers) == 6
        assert parts - usual == set(words)
        assert config.optimizer.learning_rate == float(*(re.findall(r"η = (\S+)", cure) or ["3"]))


def test_sentences_on_the_types_follow_from_their_tables() -> None:
    reached, rises, seeds = of_types()
    assert list(reached) == list(rises) == list(seeds) == ["batch", "stochastic", "mini-batch"]
    text = " ".join((DOCS / "gradient-descent.md").read_text(encoding="utf-8").split())
    (_, *stochastic), (_, *mini) = rises["stochastic"], rises["mini-batch"]
    assert f"it is multiplied by {stochastic[0]:.2f} on average, and by {stochastic[1]:.1f} at worst" in text
    assert f"{rises['stochastic'][3]:.0f} times as long as the distance" in text
    assert f"rises at {rises['mini-batch'][0]:.0f} % of the points" in text
    assert f"by {100 * (mini[0] - 1):.0f} % on average, and by {100 * (mini[1] - 1):.0f} % at worst" in text
    assert rises["batch"][0] == 0
    assert f"after {reached['stochastic'][3]:.1f} epochs" in text
    assert reached["stochastic"][3] < reached["mini-batch"][3]
    assert reached["stochastic"][2] / reached["mini-batch"][2] == pytest.approx(6, abs=0.5)
    assert reached["stochastic"][4] == reached["mini-batch"][4]
    ahead = [seed for seed in range(5) if seeds["stochastic"][seed] < seeds["mini-batch"][seed]]
    assert ahead == [1, 2, 4]
    assert "lower for the seeds 1, 2 and 4" in text
    for kind, times in (("stochastic", "5 times"), ("mini-batch", "1.6 times")):
        assert f"{max(seeds[kind]) / min(seeds[kind]):.{len(times.split()[0]) // 2}f} times" == times
        assert times in text
    for kind, row in seeds.items():
        assert float(np.median(row)) == pytest.approx(reached[kind][1], abs=5e-4)


def test_one_seed_of_the_tables_is_that_of_the_trainings(descents: ModuleType) -> None:
    reached, rises, seeds = of_types()
    found = {kind: descents.descent(kind, 1) for kind in seeds}
    for kind, one in found.items():
        assert one.path.updates[-1] == reached[kind][0]
        if kind == "stochastic":  # another processor, another last bit, and soon another path
            assert min(seeds[kind]) / 1.5 < one.last_cost < max(seeds[kind]) * 1.5
        else:
            assert one.last_cost == pytest.approx(seeds[kind][1], rel=0.2)
        assert 100 * one.rising_share == pytest.approx(rises[kind][0], abs=10)
        assert one.path.detour == pytest.approx(rises[kind][3], rel=0.2)
    batch, stochastic, mini = found.values()
    assert batch.rises == []
    assert stochastic.mean_rise - 1 > 5 * (mini.mean_rise - 1)
    assert stochastic.largest_rise > 2 > 1.5 > mini.largest_rise
    assert batch.path.costs.shape == (31,)
    assert max(len(one.path.costs) for one in found.values()) == 159
    assert len(mini.rises) == mini.path.rises


@pytest.mark.soak
def test_all_numbers_on_the_types_are_those_of_the_trainings(descents: ModuleType) -> None:
    again = written(f"{descents.reached()}\n\n{descents.rises()}\n\n{descents.per_seed()}")
    for table in again:
        (other,) = (one for one in page("gradient-descent") if one[0] == table[0])
        assert [row[0] for row in table] == [row[0] for row in other]
        for cell, new in zip(chain(*other[1:]), chain(*table[1:]), strict=True):
            assert cell == new or number(new) == pytest.approx(number(cell), rel=0.05)


def test_slope_is_what_the_page_prints(figures: ModuleType) -> None:
    found = figures.sketches.descent()
    text = (DOCS / "gradient-descent.md").read_text(encoding="utf-8")
    printed = {float(eta): share for eta, share in re.findall(r"^eta (\S+): (\S+) of", text, re.MULTILINE)}
    for eta in (1.0, 30.0, 100.0):
        (place,) = np.flatnonzero(found.rates == eta)
        assert f"{(found.costs[0] - found.costs[place]) / (eta * found.promise):.2f}" == printed[eta]


@pytest.mark.parametrize("name", QUICK)
def test_a_figure_has_words_and_is_always_the_same(figures: ModuleType, name: str) -> None:
    one, other = figures.FIGURES[name](), figures.FIGURES[name]()
    assert one == other
    assert min(len(one.text), len(one.caption)) > 30
    root = ET.fromstring(one.content)  # noqa: S314 -- our own
    assert float(root.attrib["width"].removesuffix("pt")) / 72 == pytest.approx(one.width / 96, abs=0.01)
    assert root.attrib["aria-label"] == one.text
    assert "currentColor" in one.content
    shown = figures.on_page_content(
        f"<p>A</p>\n<!-- figure: {name} -->\n<p>B</p>", page=SimpleNamespace(url="page.html")
    )
    assert shown == f"<p>A</p>\n{one.to_html('')}\n<p>B</p>"


def test_what_the_page_says_of_the_trained_network(figures: ModuleType) -> None:
    found = figures.trained()
    x, labels = found.data.train
    text = figures.digit().text
    assert f"a handwritten {labels[0]}." in text
    assert ", ".join(f"{value:g}" for value in x[0, :8].round(2)) in text
    change = np.abs(found.end - found.start)
    assert np.mean(change < 1) > 0.8
    columns = change.mean(axis=0).reshape(8, 8).mean(axis=0)
    assert columns[0] < columns[7] < columns[1:7].min() / 3
    empty = (x == 0).mean(axis=0).reshape(8, 8).mean(axis=0)
    assert empty[[0, 7]].min() > 0.95 > 0.7 > empty[1:7].max()
    cost = found.results.curves[0].values
    train, test = np.array(cost["train"]), np.array(cost["test"])
    assert train[0] > test[0]
    assert train[10] / train[-1] > 2 * test[10] / test[-1]
    outputs = [mistake.decisive_outputs["output for predicted"] for mistake in found.results.mistakes]
    assert max(outputs) > 0.9
    assert min(outputs) < 0.1


def test_an_unknown_figure_is_an_error(figures: ModuleType) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"), url="page.html")
    with pytest.raises(figures.PluginError, match=r"page\.md: no figure is called 'nets'; there are digit, "):
        figures.on_page_content("A\n\n<!-- figure: nets -->\n", page=page)


def test_every_figure_has_its_place(figures: ModuleType) -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    assert sorted(re.findall(r"^<!-- figure: (\S+) -->$", pages, re.MULTILINE)) == sorted(figures.FIGURES)


def test_the_chapter_ends_with_the_whole_algorithm() -> None:
    navigation = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    pages = re.findall(r"(\S+)\.md", navigation[: navigation.index("Use:")])
    assert pages[0] == "index"
    assert pages[-2:] == ["errata", "mathematics"]
    assert "## What next" in (DOCS / "errata.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["feedforward", "gradient-descent", "backpropagation", "trace", "dampening", "mathematics"]
)
def test_a_page_has_three_exercises_whose_folded_answers_are_computed(name: str) -> None:
    """test_snippets.py runs what is in the answers and compares what it prints."""
    _, exercises = (DOCS / f"{name}.md").read_text(encoding="utf-8").split("\n## Exercises\n")
    _, *each = re.split(r"^\*\*\d\.\*\* ", exercises, flags=re.MULTILINE)
    assert len(each) == 3
    for exercise in each:
        question, answer = exercise.split('??? success "Answer"\n')
        assert "```" not in question
        assert re.search(
            r"^    ```python\n(?: {4}.*\n|\n)+?    ```\n\n    <!-- output -->\n    ```text\n    .", answer, re.MULTILINE
        )
