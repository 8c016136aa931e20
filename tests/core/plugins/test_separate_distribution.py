"""A separately installed distribution provides a kind; without it, the error says what is missing."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
from core.plugins.processes import environment, install, python

PLUGIN = Path(__file__).parents[3] / "plugins" / "modnet-activations"
SETTING = 'network.layers=[{kind="dense", units=30, activation="mish"}, 10]'
PREDICT = """
import sys, numpy, modnet
network = modnet.load(sys.argv[1])
print([layer.activation.kind for layer in network.layers], network.predict(numpy.zeros((2, 64))).shape)
"""

# By its metadata, as modnet does: the plug-in's own tests put its sources on this process's path.
INSTALLED = "modnet-activations" in {distribution.name for distribution in importlib.metadata.distributions()}
without_it_installed = pytest.mark.skipif(
    INSTALLED,
    reason="modnet-activations is installed, so its absence cannot be tested",
)


def code_block(language: str, start: str) -> str:
    """Return the README's first code block in this language that starts with ``start``."""
    readme = (PLUGIN / "README.md").read_text(encoding="utf-8")
    return next(b for b in re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL) if b.startswith(start))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which pip has installed the plug-in, and nothing else."""
    folder = tmp_path_factory.mktemp("activations")
    source, target = folder / "source", folder / "site"
    # A build may write beside its sources, and these may be read-only: it gets a copy.
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("__pycache__", ".*", "build", "dist"))
    install(target, source)
    return target


def test_a_kind_from_an_installed_plug_in_trains_and_loads(site: Path, tmp_path: Path) -> None:
    command = shlex.split(code_block("console", "modnet train"))
    assert command == ["modnet", "train", "--set", SETTING]
    trained = python(tmp_path, "-m", *command, "--epochs", 1, "--out", "run", **environment(site))
    assert trained.returncode == 0, trained.stderr

    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text(encoding="utf-8"))
    assert config["network"]["layers"][0]["activation"] == "modnet-activations:mish"
    assert "modnet-activations 0.1.0" in (tmp_path / "run" / "config.toml").read_text(encoding="utf-8")

    loaded = python(tmp_path, "-c", PREDICT, "run", **environment(site))
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.strip() == "['mish', 'sigmoid'] (2, 10)"

    if not INSTALLED:
        missing = python(tmp_path, "-c", PREDICT, "run", **environment())
        assert missing.returncode == 1
        last = missing.stderr.strip().splitlines()[-1]
        assert last.startswith("modnet.core.errors.ConfigError: ")
        assert "unknown activation 'modnet-activations:mish'" in last
        assert "modnet-activations" in last


def test_the_readme_s_configuration_holds(site: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(code_block("toml", ""), encoding="utf-8")
    show = "import modnet; print(modnet.load_config('run.toml').network.layers[0].activation)"
    shown = python(tmp_path, "-c", show, **environment(site))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() == "kind='silu' beta=1.5"


@without_it_installed
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("mish", ["sigmoid", "tanh", "relu"]),  # no known kind is similar: all of them are listed
        ("relus", ["'relu'"]),
    ],
)
def test_without_the_plug_in_the_kind_is_unknown(tmp_path: Path, kind: str, says: list[str]) -> None:
    setting = SETTING.replace("mish", kind)
    refused = python(
        tmp_path, "-m", "modnet", "train", "--epochs", 1, "--out", "run", "--set", setting, **environment()
    )
    assert refused.returncode == 2
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert f"network.layers.0.activation: unknown activation '{kind}'" in line
    assert all(word in line for word in says)
    assert not (tmp_path / "run").exists()
