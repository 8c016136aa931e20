"""Every command with arguments that it cannot use: status 2, and one line that a terminal can show."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.bad_arguments import ARGUMENTS, NET, SHARE, WORDS, prepare
from cli.running import Modnet, runner


class TooLongError(BaseException):
    """A command waits for something."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run, and with what the arguments name."""
    folder = tmp_path_factory.mktemp("arguments")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(patch)
        yield folder


@pytest.fixture
def modnet(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Modnet]:
    """The command in that folder; one that waits is interrupted."""
    modnet = runner(monkeypatch, capsys)
    if not (folder / "run").exists():
        assert modnet("train", *NET, "--epochs", 1, "--quiet", "--out", "run").code == 0

    def interrupt(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(60)
    yield modnet
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", [*SHARE, *WORDS])
def test_one_line_and_status_2(modnet: Modnet, name: str) -> None:
    check(modnet, name)


@pytest.mark.soak
@pytest.mark.parametrize("name", ARGUMENTS)
def test_one_line_and_status_2_for_all(modnet: Modnet, name: str) -> None:
    check(modnet, name)


def check(modnet: Modnet, name: str) -> None:
    before = sorted(Path().iterdir())
    result = modnet(*ARGUMENTS[name])
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith("\n")
    line = result.err[:-1]
    assert line.isprintable()  # which a line break, a control character and another direction are not
    assert line.startswith("modnet: ")
    assert "Error" not in line
    assert "Traceback" not in line
    assert sorted(Path().iterdir()) == before


def test_all_kinds_and_commands_occur_in_the_share() -> None:
    assert len(ARGUMENTS) >= 200
    commands = {ARGUMENTS[name][0] for name in [*SHARE, *WORDS]}
    assert {arguments[0] for arguments in ARGUMENTS.values()} == commands
    assert {name.partition(": ")[2] for name in ARGUMENTS} == {name.partition(": ")[2] for name in [*SHARE, *WORDS]}


@pytest.mark.parametrize("name", ["history.jsonl", "config.toml", "model.safetensors", "dampening.jsonl"])
def test_a_pipe_in_a_run_folder_is_not_waited_for(modnet: Modnet, name: str) -> None:
    shutil.rmtree("piped", ignore_errors=True)
    shutil.copytree("run", "piped")
    Path("piped", name).unlink(missing_ok=True)
    os.mkfifo(Path("piped", name))
    for arguments in (("evaluate",), ("plot", "--json"), ("dampening", "--no-suggestion"), ("train", "--resume")):
        result = modnet(*arguments, "piped")
        assert result.code in (0, 2)
        assert result.err.count("\n") == (result.code == 2)
    shutil.rmtree("piped")


@pytest.mark.parametrize(
    ("arguments", "work"),
    [
        (("trace", "--out"), "trace.trace"), (("report", "run", "--out"), "report.report"),
        (("explain", "--plot"), "explain.summary"), (("surface", "--plot"), "surface.surface"),
        (("compare", "--plot"), "compare.combine"), (("compare", "--best"), "compare.combine"),
        (("surface", "--animate"), "surface.surface"), (("dampening", "run", "--plot"), "dampening.dampening"),
        (("plot", "run", "--plot"), "plot.results"), (("predict", "run", "rows.csv", "--out"), "predict.load"),
        (("config", "fill", "my.toml", "--out"), "config.load_config"),
    ],
)  # fmt: skip
def test_where_no_file_can_be_is_seen_before_any_work(
    modnet: Modnet, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], work: str
) -> None:
    monkeypatch.setattr(f"modnet.cli.{work}", None)
    place = "none/x" + {"--plot": ".svg", "--animate": ".gif"}.get(arguments[-1], "")
    result = modnet(*arguments, place)
    reason = "cannot be written: No such file or directory"
    assert (result.code, result.out, result.err) == (2, "", f"modnet: {arguments[-1]} {place}: {reason}\n")


def test_a_network_that_is_too_large_says_how_many_bytes_it_needs(modnet: Modnet) -> None:
    result = modnet("explain", "--set", "network.layers=[1000000000000, 10]")
    needed = 8 * (64 * 10**12 + 10**12 + 10 * 10**12 + 10)
    assert result.err.endswith(f", {needed:,} bytes\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            MemoryError("Unable to allocate 7.28 TiB for an array"),
            "out of memory: Unable to allocate 7.28 TiB for an array",
        ),
        (PermissionError(13, "Permission denied", "a\nb"), r"a\nb: Permission denied"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_what_no_command_expects_is_one_line_too(
    modnet: Modnet, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("modnet.cli.explain.summary", fail)
    result = modnet("explain")
    assert (result.code, result.out, result.err) == (2, "", f"modnet: {line}\n")
    debugged = modnet("--debug", "explain").err
    assert debugged.startswith("Traceback ")
    assert debugged.endswith(f"\nmodnet: {line}\n")
