"""Files that are small and ask for much; as a program, it loads one and prints what that took.

``python bombs.py FILE``: the JSON has the error's type, the seconds, the most memory of Python's own, and by how much
the process has grown at most, in bytes.
"""

from __future__ import annotations

import json
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from storage.sealing import DIGITS, file_of, header_of, sealed, text_of

Said = dict[str, Any]
Tensors = dict[str, np.ndarray]


def with_(said: Said, tensors: Tensors, **changes: Any) -> bytes:
    return file_of(said | changes, tensors)


def layers(said: Said, tensors: Tensors, listed: list[Any]) -> bytes:
    network = said["network"] | {"layers": listed}
    return with_(said, tensors, network=network, config=said["config"] | {"network": network})


def huge_header(said: Said, tensors: Tensors) -> bytes:
    del said, tensors
    return struct.pack("<Q", 2**63 - 1) + b'{"__metadata__":' + b" " * 1000


def sparse(said: Said, tensors: Tensors) -> bytes:
    """A header of 100 MB, all there."""
    del said, tensors
    return struct.pack("<Q", 10**8) + b'{"__metadata__":{"modnet":"' + b" " * 10**8


def giant_shape(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(header_of(text_of(said), [("layers.0.weights", "F64", [10**7, 10**7], (0, 8 * 10**14))]), b"")


def overflowing_product(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(header_of(text_of(said), [("layers.0.weights", "F64", [2**33, 2**33], (0, 0))]), b"")


def many_dimensions(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(header_of(text_of(said), [("layers.0.weights", "F64", [10**15] * 100_000, (0, 0))]), b"")


def many_tensors(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(header_of(text_of(said), [(str(number), "F64", [0], (0, 0)) for number in range(300_000)]), b"")


def as_many_tensors_as_fit(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(header_of(text_of(said), [(str(number), "U8", [0], (0, 0)) for number in range(30_000)]), b"")


def one_name_twice(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(header_of(text_of(said), [("a" * 100, "F64", [0], (0, 0))] * 10_000), b"")


def overlapping(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(
        header_of(text_of(said), [(str(number), "F64", [10], (0, 80)) for number in range(10_000)]), bytes(80)
    )


def deep_json(said: Said, tensors: Tensors) -> bytes:
    del said, tensors
    return sealed(header_of(f'{{"sha256":"{DIGITS}","network":{"[" * 200_000}{"]" * 200_000}}}'), b"")


def deep_configuration(said: Said, tensors: Tensors) -> bytes:
    part: Any = "constant"
    for _ in range(90):
        part = {"kind": "constant", "schedule": part}
    config = said["config"] | {"optimizer": {"kind": "mini-batch", "schedule": part}}
    return with_(said, tensors, config=config)


def long_string(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, modnet_version="x" * (2**21 - 10_000), more=1)


def long_wide_string(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, modnet_version="\U0001f600" * 145_000, more=1)


def long_name(said: Said, tensors: Tensors) -> bytes:
    del tensors
    return sealed(header_of(text_of(said), [("x" * 2_000_000, "F64", [0], (0, 0))]), b"")


def endless_number(said: Said, tensors: Tensors) -> bytes:
    del said, tensors
    return sealed(header_of(f'{{"sha256":"{DIGITS}","format_version":{"9" * 2_000_000}}}'), b"")


def empty_lists(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, parts=[[]] * 600_000)


def as_many_empty_lists_as_fit(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, classes={"form": "O", "labels": [[]] * 100_000})


def many_wrong_parts(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, parts=dict.fromkeys(map(str, range(16_000)), 0))


def many_unknown_options(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, config=said["config"] | dict.fromkeys(map(str, range(1000)), 0))


def very_many_unknown_options(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, config=said["config"] | dict.fromkeys(map(str, range(16_000)), 0))


def many_wrong_layers(said: Said, tensors: Tensors) -> bytes:
    return layers(said, tensors, ["nothing"] * 1000)


def giant_layers(said: Said, tensors: Tensors) -> bytes:
    return layers(said, tensors, [10**13, 3])


def large_layers(said: Said, tensors: Tensors) -> bytes:
    """Of a size that could be had."""
    return layers(said, tensors, [10**7, 3])


def many_layers(said: Said, tensors: Tensors) -> bytes:
    return layers(said, tensors, [10**6] * 1000)


def giant_input(said: Said, tensors: Tensors) -> bytes:
    return with_(said, tensors, input_shape=[10**13])


def compressed(said: Said, tensors: Tensors) -> bytes:
    """A gzip of 100 MB of zeros, which nobody should inflate."""
    import gzip

    del said, tensors
    return gzip.compress(bytes(10**8))


BOMBS: dict[str, Callable[[Said, Tensors], bytes]] = {
    bomb.__name__: bomb
    for bomb in (
        huge_header, sparse, giant_shape, overflowing_product, many_dimensions, many_tensors, as_many_tensors_as_fit,
        one_name_twice, overlapping, deep_json, deep_configuration, long_string, long_wide_string, long_name,
        endless_number, empty_lists, as_many_empty_lists_as_fit, many_wrong_parts, many_unknown_options,
        very_many_unknown_options, many_wrong_layers, giant_layers, large_layers, many_layers, giant_input, compressed,
    )
}  # fmt: skip


def resident(name: str) -> int:
    """Return the process's size, or its largest, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def load(path: Path) -> dict[str, Any]:
    import modnet

    modnet.load(path.with_name("good"))  # all is imported

    def refuse() -> Exception | None:
        try:
            modnet.load(path)
        except Exception as error:
            return error
        return None

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    start = time.process_time()
    error = refuse()
    seconds = time.process_time() - start
    grown = resident("VmHWM") - before
    tracemalloc.start()
    refuse()
    return {
        "type": type(error).__name__,
        "message": str(error),
        "seconds": seconds,
        "grown": grown,
        "python": tracemalloc.get_traced_memory()[1],
    }


if __name__ == "__main__":
    print(json.dumps(load(Path(sys.argv[1]))))
