"""Model files that are changed: at random, and by what their bytes mean, with the digest computed anew."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from safetensors.numpy import load
from storage.forging import compact, entries_of, forged_text, header_of, raw, split, text_of

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 7, 10**6, 10**13, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308, 1e-320, "", "a",
    "sigmoid", "dense", "os.system", "\n", "\u202e", "x" * 1000, [], {}, [[]], [None], {"kind": "dense", "units": 3},
    {"kind": "l2"}, ["sigmoid"], {"a": {"b": 1}}, [1] * 50, "float32", "F32", "quadratic",
    "modnet-framework", "modnet-none:dense", 2.0,
]  # fmt: skip
NUMBERS = [
    0,
    1,
    -1,
    2,
    7,
    8,
    15,
    16,
    24,
    40,
    10**6,
    2**31,
    2**32 - 1,
    2**53,
    2**63,
    2**64,
    10**16,
    10**40,
    0.5,
    True,
    None,
]
Mutation = Callable[[bytes, random.Random], bytes]


def at_random(content: bytes, rng: random.Random) -> bytes:
    """Change bytes anywhere: some, a block, or the length."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 50])):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice([1, 1, 2, 8, 64, 500]))
        kind = rng.randrange(7)
        if kind == 0 and start < len(changed):
            changed[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[start:end] = rng.randbytes(end - start)
        elif kind == 2:
            changed[start:end] = bytes(end - start)
        elif kind == 3:
            del changed[start:end]
        elif kind == 4:
            changed[start:start] = rng.randbytes(rng.choice([1, 8, 100]))
        elif kind == 5:
            source = rng.randrange(len(content))
            changed[start:end] = content[source : source + end - start]
        else:
            changed[:8] = rng.choice([rng.randrange(2**64), rng.randrange(2**12), len(content)]).to_bytes(8, "little")
    return bytes(changed)


def metadata_text(content: bytes) -> str:
    text: str = json.loads(split(content)[0])["__metadata__"]["modnet"]
    return text


def in_the_header(content: bytes, rng: random.Random) -> bytes:
    """Change the header's bytes; length and digest are right, where anything can be read."""
    header, body = split(content)
    return raw(at_random(bytes(8) + header, rng)[8:] + b" " * rng.randrange(3), body)


def in_the_text(content: bytes, rng: random.Random) -> bytes:
    """Change, add or take away values of the JSON text."""
    metadata = json.loads(metadata_text(content))
    del metadata["format_version"], metadata["sha256"]
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        change(metadata, rng)
    text = text_of(metadata)
    if rng.random() < 0.1:  # a key twice
        key = rng.choice(list(metadata))
        text = text[:-1] + f',"{key}":{compact(metadata[key])}}}'
    return forged_text(text, load(content))


def change(tree: Any, rng: random.Random) -> None:
    """Change one thing in a tree of JSON."""
    places = list(walk(tree))
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, name = rng.choice(places)
        if name in other if isinstance(other, dict) else name < len(other):
            holder[key] = copy.deepcopy(other[name])
    elif kind == 2 and isinstance(holder, dict):
        holder[rng.choice(["more", "", "kind", "units", key + " ", key.upper()])] = rng.choice(VALUES)
    elif kind == 3 and isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(rng.choice([*VALUES, *holder])))
    elif kind == 4 and type(holder[key]) in (int, float):
        holder[key] = holder[key] * rng.choice([-1, 2, 0.5]) + rng.choice([0, 1, -1])
    else:
        holder[key] = copy.deepcopy(rng.choice(VALUES))


def walk(tree: Any) -> Iterator[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield tree, key
        yield from walk(value)


def in_the_table(content: bytes, rng: random.Random) -> bytes:
    """Change names, types, shapes or offsets of tensors, and sometimes the body's length."""
    body = split(content)[1]
    entries = [list(entry) for entry in entries_of(content)]
    names = [entry[0] for entry in entries]
    for _ in range(rng.choice([1, 1, 2])):
        if not entries:
            break
        entry = rng.choice(entries)
        kind = rng.randrange(8)
        if kind == 0:
            entry[0] = rng.choice(["", "layers.9.weights", "preprocessing.more", "__metadata__", "a\nb", *names])
        elif kind == 1:
            entry[1] = rng.choice(["F32", "F16", "BF16", "I64", "BOOL", "U8", "", "F64 ", "f64", 'F"'])
        elif kind == 2:
            entry[2] = [rng.choice(NUMBERS) for _ in range(rng.choice([0, 1, 1, 2, 40]))]
        elif kind == 3:
            entry[2] = rng.choice([entry[2][::-1], [*entry[2], 1], entry[2][:-1], [0], [*entry[2], 0]])
        elif kind == 4:
            entry[3] = [rng.choice(NUMBERS), rng.choice(NUMBERS)]
        elif kind == 5:
            entries.remove(entry)
        elif kind == 6:
            entries.insert(rng.randrange(len(entries) + 1), copy.deepcopy(entry))
        else:
            rng.shuffle(entries)
    if rng.random() < 0.2:
        body = rng.choice([body + bytes(8), body[:-8], b"", body * 2])
    return raw(header_of(metadata_text(content), [tuple(entry) for entry in entries]), body)  # type: ignore[misc]


def in_the_numbers(content: bytes, rng: random.Random) -> bytes:
    """Change the tensors' numbers, to others that may be, or to none that are finite."""
    header, body = split(content)
    changed = bytearray(body)
    at = 8 * rng.randrange(len(body) // 8)
    infinite = (0x7FF0 << 48).to_bytes(8, "little")
    changed[at : at + 8] = rng.choice(
        [rng.randbytes(8), bytes(8), infinite, b"\xff" * 8, rng.randbytes(6) + b"\xf0\x7f"]
    )
    return raw(header, bytes(changed))


MUTATIONS: list[Mutation] = [at_random, in_the_header, in_the_text, in_the_table, in_the_numbers]
