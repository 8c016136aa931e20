"""A process of its own that saves while something goes wrong; it prints what it sees as JSON.

``python saving.py killed FOLDER PIECES`` kills a save at each of its steps; the content is written in so many pieces.
``python saving.py filled FOLDER`` trains on a small file system that is full when an epoch has ended.
``python saving.py SETTING FOLDER`` saves where SETTING (of `SETTINGS`) is in the way.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import modnet
from modnet import ModnetError
from modnet.cli import main
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.storage.model_file import save

NAME = "model.safetensors"


def network(seed: int) -> modnet.Network:
    return modnet.Network([Dense(units=40)], (50,), Quadratic(), rng=np.random.default_rng(seed))


class Steps:
    """Counts the calls by which a save reaches the disk, before and after each; at step ``last`` the process dies."""

    def __init__(self, last: int | None, pieces: int) -> None:
        self.last, self.pieces, self.seen = last, pieces, 0
        self.log: list[str] = []

    def step(self) -> None:
        if self.seen == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen += 1

    def around(self, name: str | Callable[..., str], call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **more: Any) -> Any:
            self.step()
            result = call(*arguments, **more)
            self.log.append(name if isinstance(name, str) else name(*arguments))
            self.step()
            return result

        return stepped

    def install(self) -> None:
        os.fsync = self.around(lambda fd: "fsync folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "fsync", os.fsync)
        Path.replace = self.around("rename", Path.replace)  # type: ignore[method-assign]
        Path.chmod = self.around("chmod", Path.chmod)  # type: ignore[method-assign]
        Path.open = self.around("open", self.opened(Path.open))  # type: ignore[method-assign]

    def opened(self, call: Callable[..., Any]) -> Callable[..., Any]:
        steps = self

        class File(io.FileIO):
            def write(self, content: Any) -> int:
                size = max(1, len(content) // steps.pieces)
                for start in range(0, len(content), size):
                    steps.around("write", super().write)(content[start : start + size])
                return len(content)

        def opened(path: Path, mode: str = "r", *arguments: Any, **more: Any) -> Any:
            if mode != "xb":
                return call(path, mode, *arguments, **more)
            return File(path, "xb")

        return opened


def killed(folder: Path, pieces: int) -> dict[str, Any]:
    """Kill a save at each step; a child process for each, so that nothing but the disk outlasts it."""
    path = folder / NAME
    new = network(2)
    save(new, path)
    whole = path.read_bytes()
    save(network(1), path)
    before = path.read_bytes()
    found, last = [], 0
    while True:
        save(network(1), path)
        if (child := os.fork()) == 0:
            steps = Steps(last, pieces)
            steps.install()
            save(new, path)
            print(json.dumps(steps.log), file=sys.stderr, flush=True)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        modnet.load(path)
        content = path.read_bytes()
        found.append("old" if content == before else "new" if content == whole else "torn")
        if os.WIFEXITED(status):
            return {"found": found, "died": last, "status": os.WEXITSTATUS(status)}
        assert os.WTERMSIG(status) == signal.SIGKILL
        for left in folder.glob(f".{NAME}.*"):
            left.unlink()
        last += 1


def mounted(folder: Path, options: str) -> None:
    """Mount a small file system at ``folder`` that nobody else sees, and that goes with this process."""
    new_namespace, private = 0x00020000, 0x00040000 | 0x4000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(new_namespace) or libc.mount(None, b"/", None, private, None):
        raise PermissionError(errno.EPERM, "no mount namespace")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)  # noqa: S607


def full(folder: Path) -> None:
    used = (folder / NAME).stat().st_size
    left = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "filling").write_bytes(bytes(left - used // 2))


def limited(folder: Path) -> None:
    half = (folder / NAME).stat().st_size // 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (half, half))


def forbidden(folder: Path) -> None:
    folder.chmod(0o555)
    if os.geteuid() == 0:  # to whom everything is permitted
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, capture_output=True)  # noqa: S607


FILLED = {"epochs": 12, "network": {"layers": [12, 10]}, "callbacks": ["checkpoint"]}

SETTINGS = {
    "full": (full, "size=300k"), "limited": (limited, None), "forbidden": (forbidden, None),
    "read-only": (read_only, "size=300k"),
}  # fmt: skip


def hindered(setting: str, folder: Path) -> dict[str, Any]:
    hinder, options = SETTINGS[setting]
    if options:
        try:
            mounted(folder, options)
        except (OSError, subprocess.CalledProcessError) as error:
            return {"impossible": str(error)}
    os.chdir(folder)  # what is above need not be open to whom `forbidden` becomes
    assert trained("warm") == 0  # what is imported late is there now
    save(network(1), NAME)
    before = Path(NAME).read_bytes()
    hinder(folder)
    names = {path.name for path in Path().iterdir()}
    try:
        save(network(2), NAME)
        told = None
    except ModnetError as error:
        told = [type(error).__name__, str(error)]
    status = trained("run")
    same = Path(NAME).read_bytes() == before and np.array_equal(modnet.load(NAME).parameters, network(1).parameters)
    left = sorted(
        str(path) for path in Path().rglob("*") if path.name not in {*names, "run"} and path.name.startswith(".")
    )
    return {"told": told, "same": same, "left": left, "status": status}


def filled(folder: Path) -> dict[str, Any]:
    """Train until the disk is full, and further."""
    try:
        mounted(folder, "size=300k")
    except (OSError, subprocess.CalledProcessError) as error:
        return {"impossible": str(error)}

    def fill(training: Any, row: Any) -> None:
        del row
        with contextlib.suppress(OSError), (training.folder.parent / "filling").open("ab", buffering=0) as file:
            while training.epochs >= 2:
                file.write(bytes(512))

    try:
        modnet.Trainer.from_config(FILLED).fit(out=folder / "run", callbacks=[fill])
    except ModnetError as error:
        return {"told": str(error)}
    return {"told": None}


def trained(out: str) -> Any:
    """Return the status with which ``modnet train`` ends."""
    settings = ("epochs=1", "network.layers=[60, 10]")
    sys.argv = ["modnet", "train", *(word for setting in settings for word in ("--set", setting)), "--out", out]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            main()
    except SystemExit as end:
        return end.code
    return 0


if __name__ == "__main__":
    what, place, *rest = sys.argv[1:]
    if what == "killed":
        print(json.dumps(killed(Path(place), int(rest[0]))))
    else:
        print(json.dumps(filled(Path(place)) if what == "filled" else hindered(what, Path(place))))
