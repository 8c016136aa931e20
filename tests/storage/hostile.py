"""Files that try to make code run; as a program, it loads each on every path and prints what it was led to do.

``python hostile.py FOLDER``: every file is loaded twice. The first time, what modnet imports when it is needed may be
imported; the second time, nothing but the file itself may be opened. A payload that ran would leave a file `MARK`.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import marshal
import pickle
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from storage.forging import entries_of, forged, header_of, raw, split, taken_apart, text_of

MARK = "ran"
SOURCE = f"import pathlib; pathlib.Path('{MARK}').write_text('code was run')"
NEVER = ("subprocess", "socket.connect", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "pickle")
FORBIDDEN = ("subprocess", "socket", "os.", "pty", "pickle", "marshal", "ctypes", "urllib", "ftplib", "http", "code.",
             "exec", "compile", "shutil", "tempfile", "webbrowser", "sqlite3")  # fmt: skip


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (SOURCE,)


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


def tarred(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("../../model.safetensors")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def objects() -> bytes:
    out = io.BytesIO()
    values = np.empty(3, dtype=object)
    values[:] = [Payload()] * 3
    np.save(out, values, allow_pickle=True)
    return out.getvalue()


PICKLE = pickle.dumps(Payload())
OF_ANOTHER_FORM: dict[str, bytes] = {
    "a pickle": PICKLE,
    "a pickle of the first protocol": pickle.dumps(Payload(), protocol=0),
    "a pickle as torch wraps it": zipped(archive_data_pkl=PICKLE, archive_version=b"3"),
    "a pickle as joblib compresses it": zlib.compress(PICKLE),
    "a pickle in gzip": gzip.compress(PICKLE),
    "a pickle behind eight bytes": len(PICKLE).to_bytes(8, "little") + PICKLE,
    "an array of objects": objects(),
    "an archive of objects": zipped(x_npy=objects(), y_npy=objects()),
    "an archive that climbs": tarred(PICKLE),
    "a script": b"#!/bin/sh\ntouch " + MARK.encode(),
    "Python": SOURCE.encode(),
    "compiled Python": b"\xa7\r\r\n" + bytes(12) + marshal.dumps(compile(SOURCE, "x", "exec")),
    "YAML": b"!!python/object/apply:os.system ['touch ran']",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:decoy">]><a>&b;</a>',
    "a Lambda layer": json.dumps({"class_name": "Lambda", "config": {"function": SOURCE}}).encode(),
}


def said(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda table: table.update(changes)


def network(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """Change the network."""
    return lambda table: table["network"].update(changes)


def configured(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda table: table["config"].update(changes)


CALL = f"__import__('pathlib').Path('{MARK}').touch()"
DENSE = {"kind": "dense", "units": 5}
SAYING: dict[str, Callable[[dict[str, Any]], None]] = {
    "a function for a layer": network(layers=["os.system", 3]),
    "a call for a layer": network(layers=[{"kind": CALL, "units": 5}, 3]),
    "a module for a layer": network(layers=["evil", 3]),
    "a module's class for a layer": network(layers=["evil:Layer", 3]),
    "a path for a layer": network(layers=["../evil.py", 3]),
    "a module for an option": network(layers=[DENSE | {"module": "evil"}, 3]),
    "a reduction": network(layers=[DENSE | {"__reduce__": ["os.system", ["touch ran"]]}, 3]),
    "an object": network(layers=[{"py/object": "evil.Layer"}, 3]),
    "a class for an activation": network(layers=[DENSE | {"activation": "evil.Activation"}, 3]),
    "a call for an initializer": network(layers=[DENSE | {"initializer": CALL}, 3]),
    "a format for a cost": network(cost="{0.__class__.__init__.__globals__}"),
    "a class for a cost": network(cost={"class_name": "evil.Cost"}),
    "an entry point for a cost": network(cost="evil:cost"),
    "a plug-in that is not installed": lambda table: table.update(
        network=table["network"] | {"cost": "evil:cost"}, plugins={"evil": "1"}
    ),
    "a preference": configured(prefer={"activation:sigmoid": "evil"}),
    "a callback": configured(callbacks=["evil"]),
    "a callback's call": configured(callbacks=[{"kind": "progress", "command": CALL}]),
    "data elsewhere": configured(data={"kind": "npz", "path": "decoy"}),
    "data on another machine": configured(data={"kind": "csv", "path": "http://127.0.0.1:9/x.csv", "target": "y"}),
    "a call for a version": said(modnet_version=CALL),
    "a call for a label": said(classes=[CALL, "=cmd|'/c calc'!A1", "{x.__class__}"], classes_kind="U"),
    "objects for labels": said(classes=[{"py/object": "evil.Label"}, "b", "c"], classes_kind="O"),
    "dates for labels": said(classes=[1, 2, 3], classes_kind="M"),
    "calls for features": said(features=[CALL, "`touch ran`", "$(touch ran)", "a"]),
}  # fmt: skip
TYPES = {"objects for numbers": "O", "numbers that NumPy does not have": "BF16", "numbers of nobody": "os.system"}
NAMES = {"a call for a tensor": CALL, "a path for a tensor": "../../decoy", "an attribute for a tensor": "__class__"}
TABLES = {
    "a function for an activation": 'network.layers = [{kind = "dense", units = 3, activation = "os.system"}, 2]',
    "a module for a rule": 'optimizer.rule = "evil.Rule"',
    "an include": 'include = "decoy"\n"$include" = "decoy"\nextends = "decoy"',
    "plug-ins": 'plugins = ["evil"]',
    "a preference": 'prefer = {"activation:sigmoid" = "evil"}',
    "no TOML": SOURCE,
    "a template": "seed = \"{{ cycler.__init__.__globals__.os.popen('touch ran') }}\"",
}
HEADER = "a,b,c,d,target\n"
DATA: dict[str, bytes] = {
    "objects.npz": zipped(x_npy=objects(), y_npy=objects()),
    "pickle.npz": PICKLE,
    "pickled.npz": zipped(x_npy=PICKLE, y_npy=PICKLE),
    "pickle.csv": PICKLE,
    "calls.csv": f"{HEADER}{CALL},1,2,3,0\n".encode(),
    "formulas.csv": f"{HEADER}=1+1,@SUM(1),+1|cmd,-1,0\n".encode(),
    "compressed.csv": gzip.compress(PICKLE),
}
ELSEWHERE = (
    "http://127.0.0.1:9/x.npz",
    "file:decoy.csv",
    "|touch ran.csv",
    "$(touch ran).csv",
    "http://127.0.0.1:9/x.csv",
)


class Watch:
    """What the interpreter is asked for, by an audit hook, which cannot be taken away again."""

    def __init__(self) -> None:
        self.allowed: set[str] | None = None
        self.strict = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.allowed is None:
            return
        if event == "open" and isinstance(arguments[0], str | bytes | Path):
            path = str(Path(arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]).resolve())
            inside = path.startswith(str(Path.cwd()))
            if path not in self.allowed and (self.strict or inside):
                self.seen.append(f"open {path}")
        elif event == "import" and (self.strict or "evil" in arguments[0]):
            self.seen.append(f"import {arguments[0]}")
        elif event == "compile" and arguments[1] == "<unknown>":
            pass  # NumPy's headers are read by ast.literal_eval, which makes a tree of them and runs nothing
        elif event.startswith(FORBIDDEN if self.strict else NEVER):
            self.seen.append(f"{event} {arguments!r:.200}")


def command(*words: str) -> str:
    """Run ``modnet``; return how it ended."""
    from modnet.cli import main

    sys.argv = ["modnet", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            main()
        except SystemExit as end:
            line = told.getvalue()
            return f"status {end.code}" if line.count("\n") == 1 and "Traceback" not in line else f"told {line}"
    return "status 0"


def call(function: Callable[..., Any], *arguments: Any) -> str:
    from modnet import ModnetError

    try:
        function(*arguments)
    except ModnetError as error:
        return type(error).__name__
    return "taken"


def attempts() -> Iterator[tuple[str, set[str], Callable[[], str]]]:
    """Yield name, the files that may be opened, and the attempt; the files are made before."""
    import modnet
    from modnet.cli.common.other_data import OtherData

    for index, (name, content) in enumerate(models().items()):
        folder = Path(f"run{index}").resolve()
        if not folder.is_dir():
            folder.mkdir()
            path = folder / "model.safetensors"
            path.write_bytes(content)
            for other in ("config.toml", "plugins.toml", "__init__.py", "modnet.py", "sitecustomize.py", "conftest.py"):
                (folder / other).write_text(SOURCE)
            for kept in ("data.json", "outputs.safetensors"):
                (folder / kept).write_bytes(PICKLE)
        file = str(folder / "model.safetensors")
        rows = str(Path("good.csv").resolve())
        yield f"load file: {name}", {file}, lambda file=file: call(modnet.load, file)
        yield f"load folder: {name}", {file}, lambda folder=folder: call(modnet.load, folder)
        yield f"predict: {name}", {file, rows}, lambda file=file: command("predict", file, "good.csv")
        yield (
            f"evaluate: {name}",
            {file, rows, str(folder / "data.json"), str(folder / "outputs.safetensors")},
            lambda folder=folder: command("evaluate", str(folder), "--data", "good.csv"),
        )
    for index, (name, text) in enumerate(TABLES.items()):
        path = Path(f"{index}.toml").resolve()
        path.write_text(text)
        yield f"configuration: {name}", {str(path)}, lambda path=path: call(modnet.load_config, path)
        yield f"train: {name}", {str(path)}, lambda path=path: command("train", str(path))
    good = str(Path("good").resolve())
    for name in (*DATA, *ELSEWHERE):
        if name in DATA:
            Path(name).write_bytes(DATA[name])
        files = {str(Path(name).resolve()), good}
        dataset = OtherData(name, None).dataset(modnet.load_config().data)
        yield f"data: {name}", files, lambda dataset=dataset: call(dataset.load)
        yield f"evaluate on: {name}", files, lambda name=name: command("evaluate", "good", "--data", name)
        yield f"predict for: {name}", files, lambda name=name: command("predict", "good", name)
    Path("idx").mkdir(exist_ok=True)
    for name in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        Path("idx", name).write_bytes(PICKLE)
    files = {str(path.resolve()) for path in Path("idx").iterdir()}
    yield "data: idx", files, lambda: call(OtherData("idx", None).dataset(modnet.load_config().data).load)


def models_named() -> list[str]:
    return [*OF_ANOTHER_FORM, *(f"saying {name}" for name in SAYING), *NAMES, *TYPES]


def models() -> dict[str, bytes]:
    table, tensors = taken_apart(Path("good"))
    found = dict(OF_ANOTHER_FORM)
    for name, change in SAYING.items():
        changed = json.loads(json.dumps(table))
        change(changed)
        found[f"saying {name}"] = forged(changed, tensors)
    for name, tensor in NAMES.items():
        found[name] = forged(table, tensors | {tensor: np.zeros(1)})
    content = Path("good").read_bytes()
    for name, code in TYPES.items():
        # Of two bytes each, so that the library may find nothing wrong with the sizes.
        entries = [(tensor, code, [(end - at) // 2], (at, end)) for tensor, _, _, (at, end) in entries_of(content)]
        found[name] = raw(header_of(text_of(table), entries), split(content)[1])
    return found


def made_good() -> None:
    from modnet import Trainer, save

    rng = np.random.default_rng(0)
    run = Trainer.from_config({"epochs": 0, "network": {"layers": [5, 3]}}).fit(
        rng.normal(size=(30, 4)), [0, 1, 2] * 10
    )
    run.network.features = ("a", "b", "c", "d")
    save(run.network, "good")
    Path("good.csv").write_text(HEADER + "1,2,3,4,0\n4,3,2,1,2\n")
    Path("decoy").write_bytes(PICKLE)
    Path("evil.py").write_text(SOURCE)


def main() -> None:
    sys.path.insert(0, "")
    made_good()
    watch = Watch()
    results: dict[str, str] = {}
    for watch.strict in (False, True):
        for name, allowed, attempt in attempts():
            watch.allowed = allowed
            results[name] = attempt()
            watch.allowed = None
            if watch.seen or Path(MARK).exists():
                print(json.dumps({"name": name, "seen": watch.seen, "ran": Path(MARK).exists()}))
                return
    watch.strict, watch.allowed = True, set()
    pickle.loads(PICKLE)  # noqa: S301 -- the payload works, and the watch sees it
    watch.allowed = None
    print(json.dumps({"results": results, "control": watch.seen, "ran": Path(MARK).exists()}))


if __name__ == "__main__":
    import os

    os.chdir(sys.argv[1])
    main()
