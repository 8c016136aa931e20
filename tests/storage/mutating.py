"""Model files that are changed: at random, and by what their bytes mean, with the digest worked out anew."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from storage.sealing import DIGITS, compact, header_of, sealed

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


def parts(content: bytes) -> tuple[bytes, bytes]:
    first = 8 + int.from_bytes(content[:8], "little")
    return content[8:first], content[first:]


def blank(header: bytes) -> bytes:
    """Return the header with zeros for its digest, wherever that is now."""
    at = header.find(b'sha256\\":\\"') + len(b'sha256\\":\\"')
    return header[:at] + DIGITS.encode() + header[at + 64 :]


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


def in_the_header(content: bytes, rng: random.Random) -> bytes:
    """Change the header's bytes; length and digest are right."""
    header, body = parts(content)
    return sealed(blank(at_random(bytes(8) + blank(header), rng)[8:] + b" " * rng.randrange(3)), body)


def in_the_text(content: bytes, rng: random.Random) -> bytes:
    """Change, add or take away values of the JSON text."""
    header, body = parts(content)
    table = json.loads(header)
    said = json.loads(table.pop("__metadata__")["modnet"])
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        change(said, rng)
    said["sha256"] = DIGITS
    text = compact({"sha256": DIGITS, **said})
    if rng.random() < 0.1:  # a key twice
        key = rng.choice(list(said))
        text = text[:-1] + f',"{key}":{compact(said[key])}}}'
    entries = [(name, e["dtype"], e["shape"], e["data_offsets"]) for name, e in table.items()]
    return sealed(header_of(text, entries), body)


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
    header, body = parts(content)
    table = json.loads(header)
    text = blank(compact({"a": table.pop("__metadata__")["modnet"]}).encode())
    entries = [[name, e["dtype"], e["shape"], e["data_offsets"]] for name, e in table.items()]
    for _ in range(rng.choice([1, 1, 2])):
        if not entries:
            break
        entry = rng.choice(entries)
        kind = rng.randrange(8)
        if kind == 0:
            entry[0] = rng.choice(["", "layers.9.weights", "scaling.more", "__metadata__", "a\nb", *table])
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
    made = header_of(json.loads(text)["a"], [tuple(entry) for entry in entries])  # type: ignore[misc]
    return sealed(made, body)


def in_the_numbers(content: bytes, rng: random.Random) -> bytes:
    """Change the tensors' numbers, to others that may be, or to none that are finite."""
    header, body = parts(content)
    changed = bytearray(body)
    at = 8 * rng.randrange(len(body) // 8)
    infinite = (0x7FF0 << 48).to_bytes(8, "little")
    changed[at : at + 8] = rng.choice(
        [rng.randbytes(8), bytes(8), infinite, b"\xff" * 8, rng.randbytes(6) + b"\xf0\x7f"]
    )
    return sealed(blank(header), bytes(changed))


MUTATIONS: list[Mutation] = [at_random, in_the_header, in_the_text, in_the_table, in_the_numbers]
