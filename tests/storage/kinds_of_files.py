"""Every kind of file that may be where a user wants to write, made in the current folder, and what must follow."""

from __future__ import annotations

import os
import pty
import select
import socket
import stat
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

EARLIER = b"earlier\n"


@dataclass
class Place:
    """A path to write to, and where what is written there must arrive.

    Attributes:
        path: What a command is given.
        file: The regular file with the new content afterwards, or None.
        read: Returns what a reader of a stream got, or None.
        error: A part of the error's line, or None.
        before: What the file still begins with.
        unprivileged: Whether root must become nobody, since root may write everywhere.
        named: Whether a link may lead to the path.
    """

    path: Path
    file: Path | None = None
    read: Callable[[], bytes] | None = None
    error: str | None = None
    before: bytes = b""
    unprivileged: bool = False
    named: bool = True
    _kinds: dict[Path, object] = field(default_factory=dict)

    def remember(self) -> None:
        self._kinds = {path: _kind(path) for path in Path().glob("*")}

    def check(self, content: bytes) -> None:
        """Compare with what was to be written."""
        if self.file is not None:
            assert self.file.read_bytes() == self.before + content
            assert not self.file.is_symlink()
        if self.read is not None:
            assert self.read() == content
        now = {path: _kind(path) for path in Path().glob("*")}
        if self.file is not None:
            now.setdefault(self.file, None)
            self._kinds.setdefault(self.file, now[self.file])
        assert now == self._kinds  # devices, pipes and links are what they were, and nothing is left


def _kind(path: Path) -> object:
    status = path.lstat()
    link = str(path.readlink()) if path.is_symlink() else None
    special = None if stat.S_ISREG(status.st_mode) else status.st_ino
    content = path.read_bytes() if stat.S_ISREG(status.st_mode) and path.name == "other" else None
    return stat.S_IFMT(status.st_mode), link, special, content


def _reader(stack: ExitStack, descriptor: int) -> Callable[[], bytes]:
    """Read in a thread from now on, for a pipe holds little; the function returned ends that and returns what came."""
    pieces: list[bytes] = []
    ours, theirs = os.pipe()
    _opened(stack, ours)

    def run() -> None:
        while descriptor in select.select([descriptor, ours], [], [])[0]:
            piece = os.read(descriptor, 65536)
            pieces.append(piece)
            if not piece:
                break

    thread = threading.Thread(target=run)

    def end() -> bytes:
        if thread.is_alive():
            os.write(theirs, b"x")
            thread.join()
        return b"".join(pieces)

    _opened(stack, theirs)
    stack.callback(end)
    thread.start()
    return end


def _opened(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _regular(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "out").write_bytes(EARLIER)
    return Place(folder / "out", file=folder / "out")


def _new(folder: Path, stack: ExitStack) -> Place:
    del stack
    return Place(folder / "out", file=folder / "out")


def _protected(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "other").write_bytes(EARLIER)
    (folder / "other").chmod(0o444)
    return Place(folder / "other", error="Permission denied", unprivileged=True)


def _link(folder: Path, stack: ExitStack) -> Place:
    place = _regular(folder, stack)
    (folder / "link").symlink_to("out")
    return Place(folder / "link", file=place.file)


def _link_to_a_link(folder: Path, stack: ExitStack) -> Place:
    (folder / "deep").mkdir()
    (folder / "deep" / "link").symlink_to(Path("..", "link"))
    place = _link(folder, stack)
    (folder / "first").symlink_to(folder / "deep" / "link")
    return Place(folder / "first", file=place.file)


def _link_elsewhere(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "deep").mkdir()
    (folder / "deep" / "out").write_bytes(EARLIER)
    (folder / "link").symlink_to(Path("deep", "out"))
    return Place(folder / "link", file=folder / "deep" / "out")


def _dangling(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "link").symlink_to("out")
    return Place(folder / "link", file=folder / "out")


def _dangling_nowhere(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "link").symlink_to(Path("none", "out"))
    return Place(folder / "link", error="No such file or directory")


def _loop(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "link").symlink_to("other")
    (folder / "other").symlink_to("link")
    return Place(folder / "link", error="Too many levels of symbolic links")


def _folder(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "deep").mkdir()
    return Place(folder / "deep", error="Is a directory")


def _link_to_a_folder(folder: Path, stack: ExitStack) -> Place:
    _folder(folder, stack)
    (folder / "link").symlink_to("deep")
    return Place(folder / "link", error="Is a directory")


def _fifo(folder: Path, stack: ExitStack) -> Place:
    os.mkfifo(folder / "pipe")
    reader = _opened(stack, os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK))
    return Place(folder / "pipe", read=_reader(stack, reader))


def _link_to_a_fifo(folder: Path, stack: ExitStack) -> Place:
    place = _fifo(folder, stack)
    (folder / "link").symlink_to("pipe")
    return Place(folder / "link", read=place.read)


def _socket(folder: Path, stack: ExitStack) -> Place:
    listening = stack.enter_context(socket.socket(socket.AF_UNIX))
    listening.bind(str(folder / "socket"))
    return Place(folder / "socket", error="No such device or address")


def _link_to_a_socket(folder: Path, stack: ExitStack) -> Place:
    _socket(folder, stack)
    (folder / "link").symlink_to("socket")
    return Place(folder / "link", error="No such device or address")


def _terminal(folder: Path, stack: ExitStack) -> Place:
    ours, theirs = pty.openpty()
    _opened(stack, ours)
    _opened(stack, theirs)
    tty.setraw(theirs)
    (folder / "terminal").symlink_to(os.ttyname(theirs))
    return Place(folder / "terminal", read=_reader(stack, ours))


def _device(folder: Path, stack: ExitStack, minor: int) -> Place:
    """Return a node of our own like /dev/null or /dev/full, or a terminal where none can be made or opened."""
    path = folder / "device"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        path.unlink(missing_ok=True)
        return _terminal(folder, stack)
    return Place(path)


def _null(folder: Path, stack: ExitStack) -> Place:
    return _device(folder, stack, 3)


def _full(folder: Path, stack: ExitStack) -> Place:
    place = _device(folder, stack, 7)
    return place if place.read else Place(place.path, error="No space left on device")


def _descriptor(folder: Path, stack: ExitStack) -> Place:
    del folder
    ours, theirs = os.pipe()
    _opened(stack, ours)
    return Place(Path(f"/dev/fd/{_opened(stack, theirs)}"), read=_reader(stack, ours))


def _link_to_a_descriptor(folder: Path, stack: ExitStack) -> Place:
    place = _descriptor(folder, stack)
    (folder / "stdout").symlink_to(place.path)
    return Place(folder / "stdout", read=place.read)


def _descriptor_of_a_file(folder: Path, stack: ExitStack) -> Place:
    """A file that a shell appends to."""
    (folder / "log").write_bytes(EARLIER)
    descriptor = _opened(stack, os.open(folder / "log", os.O_WRONLY | os.O_APPEND))
    (folder / "stdout").symlink_to(f"/dev/fd/{descriptor}")
    return Place(folder / "stdout", file=folder / "log", before=EARLIER)


def _below_a_file(folder: Path, stack: ExitStack) -> Place:
    del stack
    (folder / "other").write_bytes(EARLIER)
    return Place(folder / "other" / "out", error="Not a directory")


def _long_name(folder: Path, stack: ExitStack) -> Place:
    del stack
    return Place(folder / ("x" * 300), error="File name too long", named=False)


def _zero(folder: Path, stack: ExitStack) -> Place:
    del stack
    return Place(folder / "o\0ut", error="embedded null", named=False)


KINDS: dict[str, Callable[[Path, ExitStack], Place]] = {
    made.__name__.strip("_").replace("_", " "): made
    for made in (
        _new, _regular, _protected, _link, _link_to_a_link, _link_elsewhere, _dangling, _dangling_nowhere, _loop,
        _folder, _link_to_a_folder, _fifo, _link_to_a_fifo, _socket, _link_to_a_socket, _terminal, _null, _full,
        _descriptor, _link_to_a_descriptor, _descriptor_of_a_file, _below_a_file, _long_name, _zero,
    )
}  # fmt: skip


@contextmanager
def place(kind: str) -> Iterator[Place]:
    """Make a file of this kind in the current folder, which is empty."""
    with ExitStack() as stack:
        made = KINDS[kind](Path(), stack)
        made.remember()
        if made.unprivileged and os.geteuid() == 0:
            Path().chmod(0o777)
            os.seteuid(65534)
            stack.callback(os.seteuid, 0)
        yield made
