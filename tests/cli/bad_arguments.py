"""Arguments that no command can use, by kind, and the places of every command where one may stand."""

from __future__ import annotations

import builtins
import errno
import io
import os
import socket
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NET = ("--set", "network.layers=[2, 10]")
DIGITS = "9" * 5000
HUGE = f"1{'0' * 400}"
LISTS = "[" * 5000 + "]" * 5000

PATHS = {
    "in a closed folder": "closed/{}",
    "a closed file": "closed{}",
    "a long name": f"{'x' * 300}{{}}",
    "a long path": f"{'y/' * 3000}z{{}}",
    "not UTF-8": "caf\udcff{}",
    "a line break": "a\nb{}",
    "another direction": "a\u202eb{}",
    "an escape": "\x1b[31mred{}",
    "a pipe": "pipe{}",
    "a socket": "socket",
    "a loop": "loop",
    "below a file": "rows.csv/x{}",
    "a zero": "a\0b{}",
    "nothing": "none{}",
}
"""Names of files that cannot be read, with room for what a command expects at their end."""

READERS: dict[str, tuple[tuple[str, ...], str, str, tuple[str, ...]]] = {
    "init": (("init",), "", ".csv", ()),
    "train": (("train",), "", ".toml", ()),
    "train --resume": (("train", "--resume"), "", "", ()),
    "train data.path": (
        ("train", "--set", "data.kind=csv", "--set", "data.target=t", "--set"),
        "data.path=",
        ".csv",
        (),
    ),
    "evaluate": (("evaluate",), "", "", ()),
    "evaluate --data": (("evaluate", "run", "--data"), "", ".csv", ()),
    "predict RUN": (("predict",), "", ".safetensors", ("rows.csv",)),
    "predict ROWS": (("predict", "run"), "", ".csv", ()),
    "plot": (("plot",), "", "", ()),
    "report": (("report",), "", "", ()),
    "compare": (("compare",), "", ".toml", ()),
    "surface": (("surface",), "", ".toml", ()),
    "dampening": (("dampening",), "", ".toml", ()),
    "explain": (("explain",), "", ".safetensors", ()),
    "trace": (("trace",), "", ".toml", ()),
    "verify-resume": (("verify-resume",), "", ".toml", ()),
    "config check": (("config", "check"), "", ".toml", ()),
    "config fill": (("config", "fill"), "", ".toml", ()),
}
"""Where a file is read: the arguments before it, what it begins and ends with, and the arguments after it."""

CONFIGURED = ("train", "compare", "surface", "dampening", "explain", "trace", "verify-resume")
SETTINGS = {
    "5,000 digits": f"epochs={DIGITS}",
    "5,000 lists": f"network.layers={LISTS}",
    "5,000 keys": f"{'a.' * 5000}b=1",
    "an index of 5,000 digits": f"network.layers.{DIGITS}=3",
    "an index of another script": "network.layers.²=3",
    "a line break in a key": "a\nb=1",
    "a line break in a kind": "data.kind=a\nb",
    "a direction in a kind": "optimizer.kind=a\u202eb",
    "a key that is not UTF-8": "caf\udcff=1",
    "10^400 epochs": f"epochs={HUGE}",
    "10^12 units": "network.layers=[1000000000000, 10]",
    "10^400 units": f"network.layers=[{HUGE}, 10]",
    "a rate of 10^400": f"optimizer.learning_rate={HUGE}",
}
WORDS: dict[str, tuple[str, ...]] = {
    "--seed": ("train", "--seed", DIGITS),
    "--epochs": ("train", "--epochs", "a\nb"),
    "--epochs with a schedule": ("train", "--set", "optimizer.schedule.kind=one-cycle", "--epochs", HUGE),
    "--dtype": ("trace", "--dtype", "a\u202eb"),
    "--part": ("evaluate", "run", "--part", "a\nb"),
    "--image": ("plot", "run", "--image", f"{DIGITS}x{DIGITS}"),
    "--image of another script": ("plot", "run", "--image", "²x²"),
    "--mistakes": ("report", "run", "--mistakes", DIGITS),
    "--sample": ("trace", "--sample", DIGITS),
    "--resolution": ("surface", "--resolution", "1000000000"),
    "--times": ("verify-resume", "--times", DIGITS),
    "--samples": ("dampening", "--samples", f"-{DIGITS}"),
    "--optimizers": ("compare", "--optimizers", "a\nb"),
    "--metric": ("compare", "--metric", "a\nb"),
    "--folds": ("compare", "--folds", DIGITS),
    "--folds and classes": ("compare", "--folds", "1000000"),
    "--seeds": ("compare", "--seeds", "10001"),
    "--jobs": ("compare", "--jobs", f"-{DIGITS}"),
    "values": ("compare", "--set", "optimizer.rule=plain,a\u202eb"),
    "no value": ("compare", "--set", "a\nb=1,"),
    "--directions": ("surface", "--directions", "a\x1bb"),
    "--resume --epochs": ("train", "--resume", "run", "--epochs", HUGE),
    "a kind that is not UTF-8": ("train", "--set", "optimizer=caf\udcff"),
    "an option": ("train", "--a\nb"),
    "a command": ("tr\nain",),
    "a command of a group": ("plugins", "sh\now"),
    "one argument more": ("train", "my.toml", "y\nz"),
    "no argument": ("evaluate",),
    "an empty argument": ("dampening", "", *NET),
    "empty data": ("evaluate", "run", "--data", ""),
    "a folder as rows": ("predict", "run", "run"),
    "a folder as a configuration": ("config", "check", "run"),
    "a file as a run": ("report", "rows.csv"),
    "lists in a file": ("config", "check", "lists.toml"),
    "digits in a file": ("config", "fill", "digits.toml"),
    "keys in a file": ("explain", "keys.toml"),
    "zeros in a file": ("compare", "zeros.toml"),
    "an endless file": ("config", "check", "endless.toml"),
    "plugins check": ("plugins", "check", "a\nb"),
    "plugins check of brackets": ("plugins", "check", LISTS),
    "plugins show FAMILY": ("plugins", "show", "a\nb", "x"),
    "plugins show KIND": ("plugins", "show", "cost", "a\u202eb"),
    "plugins new": ("plugins", "new", "a\nb", "--family", "cost"),
    "plugins new of brackets": ("plugins", "new", LISTS, "--family", "cost"),
    "plugins new --kind": ("plugins", "new", "modnet-x", "--family", "cost", "--kind", "a\nb"),
    "trace --out": ("trace", "--out", "closed/x"),
    "report --out": ("report", "run", "--out", "x" * 300),
    "explain --plot": ("explain", "--plot", "a\n/b.svg"),
    "surface --animate": ("surface", "--animate", "rows.csv/x.gif"),
    "compare --plot": ("compare", "--plot", "a\n/b.svg"),
    "compare --best": ("compare", "--best", "closed/x"),
    "compare --out": ("compare", "--out", "rows.csv/x"),
    "compare --out of another": ("compare", "--out", "run"),
    "predict --out": ("predict", "run", "rows.csv", "--out", "caf\udcff/x"),
    "config schema --out": ("config", "schema", "--out", "loop"),
}

ARGUMENTS: dict[str, tuple[str, ...]] = {
    **{
        f"{command}: {kind}": (*before, start + name.format(end), *more)
        for (command, (before, start, end, more)), (kind, name) in product(READERS.items(), PATHS.items())
    },
    **{
        f"{command} --set: {kind}": (command, "--set", setting)
        for command, (kind, setting) in product(CONFIGURED, SETTINGS.items())
    },
    **WORDS,
}
SHARE = [
    *(f"{command}: {kind}" for command, kind in zip(READERS, [*PATHS, *PATHS], strict=False)),
    *(f"{command} --set: {kind}" for command, kind in zip([*CONFIGURED, *CONFIGURED], SETTINGS, strict=False)),
]
"""A few, with which every command and every kind occurs; and all the words."""


def prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the files that the arguments name in the current folder, and close what root could read too."""
    monkeypatch.setattr("modnet.data.files.PATIENCE", 0.01)
    np.savetxt("rows.csv", np.zeros((2, 64)), delimiter=",")
    for end in ("", ".toml", ".csv", ".safetensors"):
        os.mkfifo(f"pipe{end}")
        Path(f"closed{end}").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    Path("loop").symlink_to("pool")
    Path("pool").symlink_to("loop")
    Path("my.toml").write_text("epochs = 1\n")
    Path("lists.toml").write_text(f"[network]\nlayers = {LISTS}\n")
    Path("digits.toml").write_text(f"epochs = {DIGITS}\n")
    Path("keys.toml").write_text(f"{'.'.join(['a'] * 5000)} = 1\n")
    Path("zeros.toml").write_bytes(bytes(100))
    with Path("endless.toml").open("wb") as file:
        file.truncate(2**40)  # of which nothing is on the disk

    def closing(call: Any) -> Any:
        def closed(path: Any = ".", *arguments: Any, **more: Any) -> Any:
            if isinstance(path, str | os.PathLike) and str(path).startswith("closed"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return call(path, *arguments, **more)

        return closed

    for module, names in ((os, ("stat", "open", "scandir", "listdir")), (io, ("open",)), (builtins, ("open",))):
        for name in names:
            monkeypatch.setattr(module, name, closing(getattr(module, name)))
