"""Every code block of the README and of the site, run in the order in which a reader meets them.

A page's blocks share one namespace and one folder:

- ``python`` is executed, with what was installed before, or with ``title="path"`` written to that file;
- ``toml`` is checked as a configuration, and with ``title="path"`` written too (a pyproject is only parsed);
- ``console`` (lines that begin with ``$``) and ``sh``: every line that begins with ``modnet`` or ``mpirun`` is run, as
  are ``pip install`` of a folder and ``python -m pytest`` of one; ``sh`` with ``title="path"`` is run as a script;
- ``bash`` and ``yaml`` with ``title="path"`` are written to that file;
- ``text`` with ``title="path"`` is written to that file, and not checked; under the comment ``<!-- output -->`` it is
  what the block before it printed;
- ``<!-- status: N -->`` before a ``console`` block says that its commands end with that status.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import modnet
from modnet.cli import main

ROOT = Path(__file__).resolve().parents[2]
TESTED_BY = re.compile(r"<!-- tested by (plugins/[\w-]+) -->\n")
"""The first line of a page whose blocks need what a plug-in depends on: the tests of that plug-in run them."""


def plugin_of(page: Path) -> str | None:
    """Return the plug-in whose tests run a page, or None for a page that is run here."""
    found = TESTED_BY.match(page.read_text(encoding="utf-8"))
    return found[1] if found else None


EVERY_PAGE = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page.is_file()]
PAGES = [page for page in EVERY_PAGE if plugin_of(page) is None]

NOT_RUN = {
    r"pip install \. && modnet train": "installs modnet, which the tests do not; CI runs this line",
    r"pip install -e '\.\[test\]' && python -m pytest": "is how these tests are started",
    r"pip install '\.\[plot\]'.*": "what it installs comes with the tests",
    r"mkdocs .*": "tests/docs/test_site.py builds the site",
    r"pip install \. -r benchmarks/requirements\.txt": "the benchmarks have an environment of their own",
    r"python benchmarks/run\.py .*": "takes many minutes, and needs MNIST and the peers",
    r"taplo .*": "is no Python package",
    r".*examples/mnist\.toml.*": "needs the MNIST files, which are not in the repository, and minutes",
}
"""Commands that are not run, and why."""

SHORTENED = {r"modnet surface .*": "--epochs 2 --resolution 9", r"modnet compare .*": "--epochs 1"}
"""Commands that take long, and the options that are added to them."""

SHELL = r"""^(?:[^'"]|'[^']*'|"[^"]*")*?[|&;<>$`*]"""
"""Finds what the shell must do, outside of quotes."""

BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>output|status: (?P<status>\d+)) -->\n\n?)?"
    r"^(?P<indent> *)```(?P<language>\w*)(?P<info>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    title: str | None
    code: str
    is_output: bool
    status: int

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        title = re.search(r'title="([^"]+)"', found["info"])
        indent = len(found["indent"])
        yield Block(
            page,
            text.count("\n", 0, found.start("code")) + 1,
            found["language"],
            title[1] if title else None,
            "".join(line[indent:] for line in found["code"].splitlines(keepends=True)),
            found["mark"] == "output",
            int(found["status"] or 0),
        )


class Page:
    """What a reader who types everything in has before them."""

    def __init__(self, folder: Path, installed: str | None = None) -> None:
        self.folder = folder
        self.installed = installed
        self.namespace: dict[str, Any] = {"__name__": "a_page_of_the_documentation"}
        self.printed = ""
        self.plugins = folder.with_name("installed")
        tools = folder.with_name("bin")
        tools.mkdir()
        command = tools / "modnet"
        command.write_text(f"#!{sys.executable}\nfrom modnet.cli import main\n\nmain()\n")
        command.chmod(0o755)
        importable = [str(self.plugins), str(Path(modnet.__file__).parents[1])]
        self.environment = os.environ | {
            "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": os.pathsep.join(importable),
            "MODNET_STRICT_PLUGINS": "1",
        }

    def take(self, block: Block) -> None:
        if block.is_output:
            assert self.printed == block.code, f"{block}: the block before it printed something else"
        elif block.language == "text":
            if block.title:
                self._write(block, block.title)
        elif block.language in TAKEN:
            self.printed = ""
            TAKEN[block.language](self, block)
        else:
            pytest.fail(f"{block}: what is to be done with a block in {block.language!r}?")

    def _take_python(self, block: Block) -> None:
        if block.title:
            self._write(block, block.title)
            return
        code = compile("\n" * (block.line - 1) + block.code, str(block.page), "exec")
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            exec(code, self.namespace)  # noqa: S102 -- our own documentation
        self.printed = stream.getvalue()

    def _take_toml(self, block: Block) -> None:
        tomllib.loads(block.code)
        path = self._write(block, block.title or "block.toml")
        if path.name != "pyproject.toml":
            modnet.load_config(path)

    def _take_console(self, block: Block) -> None:
        if block.title:
            self._take_script(block)
            return
        lines = block.code.splitlines()
        if block.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        commands = [line for line in lines if line and not line.startswith("#")]
        assert commands, f"{block}: no command"
        for command in commands:
            if any(re.fullmatch(rf"{pattern}(\s+#.*)?", command) for pattern in NOT_RUN):
                continue
            if install := re.fullmatch(r"pip install '?((\./)?[\w/-]+)(\[test\]')?", command):
                if install[1].removeprefix("./") == self.installed:
                    continue
                command = self._installation(install[1])
            elif tests := re.fullmatch(r"python -m pytest ([\w/-]+)", command):
                command = f"'{sys.executable}' -m pytest -q -p no:cacheprovider {tests[1]}"
            elif parallel := re.fullmatch(r"mpirun -n (\d+) (modnet .*)", command):
                command = self._parallel(int(parallel[1]), parallel[2])
            elif not command.startswith("modnet "):
                pytest.fail(f"{block}: '{command}' is neither run nor listed as not run")
            for pattern, options in SHORTENED.items():
                command = re.sub(rf"^({pattern}?)(\s+#.*)?$", rf"\1 {options}", command)
            status, printed = self._run(command)
            assert status == block.status, f"{block}: {command}\n{printed}"
            self.printed += printed

    def _run(self, command: str) -> tuple[int, str]:
        """Run a command line, and return its status and what it printed; in this process where that is the same."""
        if command.startswith("modnet ") and not (self.plugins.exists() or re.search(SHELL, command)):
            stream = io.StringIO()
            with (
                pytest.MonkeyPatch.context() as patch,
                contextlib.redirect_stdout(stream),
                contextlib.redirect_stderr(stream),
            ):
                patch.setattr(sys, "argv", shlex.split(command, comments=True))
                status = 0
                try:
                    main()
                except SystemExit as end:
                    status = int(end.code or 0)
            return status, stream.getvalue()
        done = subprocess.run(  # noqa: S602 -- our own documentation
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    def _parallel(self, count: int, command: str) -> str:
        """Return the command under Open MPI, or where it is missing with its variables set by hand."""
        if shutil.which("mpirun") is not None:
            root = "--allow-run-as-root " if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
            return f"mpirun {root}--oversubscribe -n {count} {command}"
        sizes = f"OMPI_COMM_WORLD_SIZE={count} OMPI_COMM_WORLD_LOCAL_SIZE={count} PMIX_NAMESPACE={self.folder}"
        processes = (f'{sizes} OMPI_COMM_WORLD_RANK={rank} {command} & ids="$ids $!"; ' for rank in range(count))
        return "".join(processes) + "for id in $ids; do wait $id || exit $?; done"

    def _take_script(self, block: Block) -> None:
        path = self._write(block, block.title or "script.sh")
        status, self.printed = self._run(f"sh {path.name}")
        assert status == block.status, f"{block}: {self.printed}"

    def _take_file(self, block: Block) -> None:
        assert block.title, f"{block}: what is it for?"
        self._write(block, block.title)

    def _installation(self, source: str) -> str:
        """Return the command that installs beside this environment, with what is in it and no network."""
        options = "--quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation"
        return f"'{sys.executable}' -m pip install {options} --target '{self.plugins}' './{source}'"

    def _write(self, block: Block, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.code, encoding="utf-8")
        return path


TAKEN = {
    "python": Page._take_python,
    "toml": Page._take_toml,
    "console": Page._take_console,
    "sh": Page._take_console,
    "bash": Page._take_file,
    "yaml": Page._take_file,
}


def run_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str | None = None) -> None:
    """Run the blocks of a page in an empty folder; ``installed`` is a plug-in that need not be installed any more."""
    folder = tmp_path / "reader"
    folder.mkdir()
    for name in ("examples", "plugins"):
        if (ROOT / name).is_dir():
            (folder / name).symlink_to(ROOT / name)
    monkeypatch.chdir(folder)
    reader = Page(folder, installed)
    monkeypatch.syspath_prepend(reader.plugins)
    before = set(sys.modules)
    try:
        for block in blocks_of(page):
            reader.take(block)
    finally:
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(reader.plugins)):
                del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(page, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "page", [page for page in EVERY_PAGE if plugin_of(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_a_page_of_a_plug_in_is_run_by_its_tests(page: Path) -> None:
    plugin = plugin_of(page)
    assert plugin is not None
    tests = "".join(test.read_text(encoding="utf-8") for test in (ROOT / plugin / "tests").glob("test_*.py"))
    assert re.search(rf"run_page\(.*{re.escape(page.name)}", tests)


def test_blocks_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        'A\n\n```python title="a/b.py"\nx = 1\n```\n\n<!-- output -->\n\n```text\n1\n```\n\n'
        "<!-- status: 2 -->\n```console\n$ modnet train\n```\n\n- item\n\n    ```toml\n    a = 1\n    ```\n\n"
        "    <!-- output -->\n    ```text\n    2\n    ```\n"
    )
    python, text, console, toml, folded = blocks_of(page)
    assert (python.language, python.title, python.line, python.code) == ("python", "a/b.py", 4, "x = 1\n")
    assert (text.is_output, text.code) == (True, "1\n")
    assert (console.status, console.is_output) == (2, False)
    assert toml.code == "a = 1\n"
    assert (folded.is_output, folded.code) == (True, "2\n")


def test_every_fence_is_a_block() -> None:
    for page in EVERY_PAGE:
        fences = re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(list(blocks_of(page))), page
