"""What goes over the connections between processes: JSON, with its length before it."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

__all__ = ["Message", "receive", "send"]

Message = dict[str, Any]
MOST_BYTES = 1 << 26
"""How large a message may be."""
_LENGTH = struct.Struct("!I")


def send(connection: socket.socket, message: Message) -> None:
    """Send a message; an OSError if the connection has ended."""
    text = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(text)) + text)


def receive(connection: socket.socket) -> Message:
    """Return the next message; an OSError if the connection has ended, a ValueError if it is none."""
    (size,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if size > MOST_BYTES:
        raise ValueError(f"a message of {size} bytes")
    return dict(json.loads(_exactly(connection, size)))


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), 1 << 16))
        if not part:
            raise ConnectionResetError
        parts += part
    return bytes(parts)
