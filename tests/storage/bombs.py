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
from storage.forging import START, forged, forged_text, header_of, raw, text_of

Metadata = dict[str, Any]
Tensors = dict[str, np.ndarray]


def with_(metadata: Metadata, tensors: Tensors, **changes: Any) -> bytes:
    return forged(metadata | changes, tensors)


def layers(metadata: Metadata, tensors: Tensors, listed: list[Any]) -> bytes:
    return with_(metadata, tensors, network=metadata["network"] | {"layers": listed})


def huge_header(metadata: Metadata, tensors: Tensors) -> bytes:
    del metadata, tensors
    return struct.pack("<Q", 2**63 - 1) + b'{"__metadata__":' + b" " * 1000


def sparse(metadata: Metadata, tensors: Tensors) -> bytes:
    """A header of 100 MB, all there."""
    del metadata, tensors
    return struct.pack("<Q", 10**8) + b'{"__metadata__":{"modnet":"' + b" " * 10**8


def giant_shape(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    return raw(header_of(text_of(metadata), [("layers.0.weights", "F64", [10**7, 10**7], (0, 8 * 10**14))]))


def overflowing_product(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    return raw(header_of(text_of(metadata), [("layers.0.weights", "F64", [2**33, 2**33], (0, 0))]))


def many_dimensions(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    return raw(header_of(text_of(metadata), [("layers.0.weights", "F64", [10**15] * 100_000, (0, 0))]))


def many_tensors(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    return raw(header_of(text_of(metadata), [(str(number), "F64", [0], (0, 0)) for number in range(300_000)]))


def as_many_tensors_as_fit(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    return raw(header_of(text_of(metadata), [(str(number), "U8", [0], (0, 0)) for number in range(30_000)]))


def one_name_twice(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    return raw(header_of(text_of(metadata), [("a" * 100, "F64", [0], (0, 0))] * 10_000))


def overlapping(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    entries = [(str(number), "F64", [10], (0, 80)) for number in range(10_000)]
    return raw(header_of(text_of(metadata), entries), bytes(80))


def deep_json(metadata: Metadata, tensors: Tensors) -> bytes:
    del metadata, tensors
    return forged_text(f'{START},"network":{"[" * 200_000}{"]" * 200_000}}}', {})


def deep_configuration(metadata: Metadata, tensors: Tensors) -> bytes:
    part: Any = "constant"
    for _ in range(90):
        part = {"kind": "constant", "schedule": part}
    config = metadata["config"] | {"optimizer": {"kind": "mini-batch", "schedule": part}}
    return with_(metadata, tensors, config=config)


def input_of_many_dimensions(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, input_shape=[10**15] * 100_000)


def many_features(metadata: Metadata, tensors: Tensors) -> bytes:
    """Names for other inputs than there are."""
    return with_(metadata, tensors, features=list(map(str, range(100_000))))


def many_short_tensors(metadata: Metadata, tensors: Tensors) -> bytes:
    """As many as fit, in the shortest form."""
    del metadata, tensors
    return raw(header_of(text_of({}), [(str(number), "U8", [0], (0, 0)) for number in range(38_000)]))


def long_string(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, modnet_version="x" * (2**21 - 10_000), more=1)


def long_wide_string(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, modnet_version="\U0001f600" * 145_000, more=1)


def long_name(metadata: Metadata, tensors: Tensors) -> bytes:
    del tensors
    return raw(header_of(text_of(metadata), [("x" * 2_000_000, "F64", [0], (0, 0))]))


def endless_number(metadata: Metadata, tensors: Tensors) -> bytes:
    del metadata, tensors
    return forged_text(f'{START},"modnet_version":{"9" * 2_000_000}}}', {})


def empty_lists(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, plugins=[[]] * 600_000)


def as_many_empty_lists_as_fit(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, classes=[[]] * 100_000)


def many_wrong_plugins(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, plugins=dict.fromkeys(map(str, range(16_000)), 0))


def many_unknown_options(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, config=metadata["config"] | dict.fromkeys(map(str, range(1000)), 0))


def very_many_unknown_options(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, config=metadata["config"] | dict.fromkeys(map(str, range(16_000)), 0))


def many_wrong_layers(metadata: Metadata, tensors: Tensors) -> bytes:
    return layers(metadata, tensors, ["nothing"] * 1000)


def giant_layers(metadata: Metadata, tensors: Tensors) -> bytes:
    return layers(metadata, tensors, [10**13, 3])


def large_layers(metadata: Metadata, tensors: Tensors) -> bytes:
    """Of a size that could be had."""
    return layers(metadata, tensors, [10**7, 3])


def many_layers(metadata: Metadata, tensors: Tensors) -> bytes:
    return layers(metadata, tensors, [10**6] * 1000)


def giant_input(metadata: Metadata, tensors: Tensors) -> bytes:
    return with_(metadata, tensors, input_shape=[10**13])


def compressed(metadata: Metadata, tensors: Tensors) -> bytes:
    """A gzip of 100 MB of zeros, which nobody should inflate."""
    import gzip

    del metadata, tensors
    return gzip.compress(bytes(10**8))


BOMBS: dict[str, Callable[[Metadata, Tensors], bytes]] = {
    bomb.__name__: bomb
    for bomb in (
        huge_header, sparse, giant_shape, overflowing_product, many_dimensions, many_tensors, as_many_tensors_as_fit,
        one_name_twice, overlapping, deep_json, deep_configuration, input_of_many_dimensions, many_features,
        many_short_tensors, long_string, long_wide_string, long_name, endless_number, empty_lists,
        as_many_empty_lists_as_fit, many_wrong_plugins, many_unknown_options, very_many_unknown_options,
        many_wrong_layers, giant_layers, large_layers, many_layers, giant_input, compressed,
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
