"""Where a command writes to: whatever kind of file its option names."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from cli.running import Modnet
from storage.kinds_of_files import KINDS, place

from modnet import ModelFileError, Trainer, save

NET = ("--set", "network.layers=[2, 10]")
WRITERS: dict[str, tuple[str, ...]] = {
    "trace": ("trace", *NET, "--out"),
    "trace --json": ("trace", *NET, "--json", "--out"),
    "init": ("init", "table.csv", "--force", "--out"),
    "config fill": ("config", "fill", "my.toml", "--out"),
    "config schema": ("config", "schema", "--out"),
    "predict": ("predict", "run", "rows.csv", "--out"),
    "report": ("report", "run", "--no-suggestion", "--mistakes", "0", "--out"),
    "explain": ("explain", *NET, "--plot"),
    "plot": ("plot", "run", "--plot"),
    "dampening": ("dampening", "run", "--no-suggestion", "--plot"),
    "compare": ("compare", *NET, "--epochs", "1", "--optimizers", "batch", "--quiet", "--plot"),
    "compare --best": ("compare", *NET, "--epochs", "1", "--optimizers", "batch", "--quiet", "--best"),
    "surface": ("surface", *NET, "--epochs", "1", "--resolution", "2", "--optimizers", "batch", "--plot"),
    "animation": ("surface", *NET, "--epochs", "1", "--resolution", "2", "--optimizers", "batch", "--animate"),
}
DRAWN = {
    "modnet.analysis.plots.figure.figure_bytes": b"drawn" * 50_000,
    "modnet.cli.explain.draw_network": None,
    "modnet.analysis.plots.results.results_figure": None,
    "modnet.cli.dampening.flow_figure": None,
    "modnet.analysis.plots.comparison.comparison_figure": None,
    "modnet.cli.surface.surface_figure": None,
    "modnet.cli.surface.animation": b"moving",
    "modnet.analysis.report.html_report.report_html": "<p>" * 50_000,
}
"""What draws, and what takes its place: how the content is made is no matter here. More than a pipe holds."""
STREAMS = [kind for kind in KINDS if "fifo" in kind or "descriptor" in kind or kind in ("terminal", "null", "full")]
LINKS = [kind for kind in KINDS if "link" in kind or "dangling" in kind]
PLACES = [kind for kind in KINDS if kind != "protected"]  # from root only, who cannot be nobody in a private folder
SHARE = [(writer, (STREAMS, LINKS)[index % 2][index // 2]) for index, writer in enumerate(WRITERS)]


@pytest.mark.parametrize(("writer", "kind"), SHARE)
def test_what_a_command_writes_to_stays_what_it_is(
    trained: Modnet, modnet: Modnet, monkeypatch: pytest.MonkeyPatch, writer: str, kind: str
) -> None:
    written(trained, modnet, monkeypatch, writer, kind)


@pytest.mark.soak
@pytest.mark.parametrize(("writer", "kind"), [*product(WRITERS, PLACES)])
def test_every_command_on_every_kind_of_file(
    trained: Modnet, modnet: Modnet, monkeypatch: pytest.MonkeyPatch, writer: str, kind: str
) -> None:
    written(trained, modnet, monkeypatch, writer, kind)


def written(trained: Modnet, modnet: Modnet, monkeypatch: pytest.MonkeyPatch, writer: str, kind: str) -> None:
    """Write to a new file and to one of this kind, and compare."""
    for drawn, content in DRAWN.items():
        monkeypatch.setattr(drawn, lambda *_, content=content: content)
    Path("my.toml").write_text("epochs = 3\n")
    Path("table.csv").write_text("a,y\n1,0\n2,1\n")
    Path("rows.csv").write_text(",".join(["1"] * 64) + "\n")
    if "run" in WRITERS[writer]:
        trained("train", *NET, "--epochs", 1, "--quiet", "--out", "run")
    *arguments, option = (str(Path("..", word)) if Path(word).exists() else word for word in WRITERS[writer])
    suffix = {"--plot": ".svg", "--animate": ".gif"}.get(option, "")
    Path("folder").mkdir()
    monkeypatch.chdir("folder")
    trained(*arguments, option, f"../new{suffix}")
    content = Path(f"../new{suffix}").read_bytes()
    with place(kind) as made:
        path = made.path
        if suffix and made.named:
            path = Path("..", f"link{suffix}")
            path.symlink_to(made.path.absolute())
        elif suffix:
            path = path.with_suffix(suffix)
        result = modnet(*arguments, option, path)
        made.check(content)
    if made.error is None:
        assert (result.code, result.err) == (0, "")
    else:
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert result.err.endswith(f": cannot be written: {made.error}\n")


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "null", "descriptor of a file", "folder"])
def test_a_network_is_saved_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    network = Trainer.from_config({"epochs": 0, "network": {"layers": [2, 10]}}).fit().network
    save(network, tmp_path / "model")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    with place(kind) as made:
        if made.error is None:
            save(network, made.path)
        else:
            with pytest.raises(ModelFileError, match=f"cannot be written: {made.error}"):
                save(network, made.path)
        made.check((tmp_path / "model").read_bytes())
