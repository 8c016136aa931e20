"""The configurations that the README and the site show train to at least what the default one reaches."""

from __future__ import annotations

import json
import shlex
import tomllib

import pytest
from docs.test_snippets import PAGES, Block, blocks_of

import modnet
from modnet import Trainer

README = PAGES[0]

DEFAULT = 0.9666
"""The test accuracy of the default configuration: 348 of 360 digits."""


def shows_a_recipe(block: Block) -> bool:
    """Return whether a block is a configuration on the digits with a chosen update rule or softmax."""
    if block.language != "toml" or block.title == "pyproject.toml":
        return False
    table = tomllib.loads(block.code)
    is_chosen = "rule" in table.get("optimizer", {}) or "softmax" in str(table.get("network", {}))
    return is_chosen and table.get("data", {}).get("kind", "digits") == "digits"


RECIPES = [block for page in PAGES for block in blocks_of(page) if shows_a_recipe(block)]


def test_the_readme_and_the_first_page_show_one():
    assert {block.page.name for block in RECIPES} >= {"README.md", "index.md"}


@pytest.mark.parametrize("block", RECIPES, ids=str)
def test_it_reaches_what_the_default_reaches(block):
    assert Trainer.from_config(tomllib.loads(block.code)).fit().test["accuracy"] >= DEFAULT


def test_the_default_reaches_what_is_claimed():
    assert Trainer.from_config({}).fit().test["accuracy"] >= DEFAULT


def test_the_network_that_the_readme_diagnoses_has_vanishing_gradients():
    (code,) = (block.code for block in blocks_of(README) if "modnet dampening" in block.code)
    (line,) = (line for line in code.splitlines() if line.startswith("modnet dampening"))
    _, _, *options = shlex.split(line, comments=True)
    assert options[::2] == ["--set", "--epochs"]
    key, _, layers = options[1].partition("=")
    assert key == "network.layers"
    diagnosis = modnet.dampening({"network": {"layers": json.loads(layers)}, "epochs": int(options[3])})
    assert [found.kind for found in diagnosis.diagnoses] == ["dampened"]
    assert diagnosis.patch
