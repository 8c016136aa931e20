"""TensorBoard's events, and the files that hold them: records of tensorboardX's messages, each with its checksums."""

from __future__ import annotations

import os
import struct
import textwrap
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import IO, Any

from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import masked_crc32c

from modnet import LogRecord
from modnet.analysis.logs.contents import Plain

__all__ = ["EventFile", "first_event", "hyperparameters", "purge", "record_event", "tag_of", "text"]


class EventFile:
    """An open event file, to which events are appended all together, or not at all.

    Attributes:
        size: How many bytes it has.

    Args:
        file: A new file, open for appending, without a buffer.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.size = file, 0

    def append(self, events: Iterable[Event]) -> None:
        """Append events, and bring them to the disk.

        Raises:
            OSError: the disk is full, say; the file is as it was before.
        """
        content = memoryview(b"".join(map(_framed, events)))
        size = self.size + len(content)
        try:
            while content:
                content = content[self._file.write(content) :]
            os.fsync(self._file.fileno())
        except BaseException:
            with suppress(OSError):
                self._file.truncate(self.size)
            raise
        self.size = size

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _framed(event: Event) -> bytes:
    content = event.SerializeToString()
    length = struct.pack("<Q", len(content))
    return b"".join([length, _checksum(length), content, _checksum(content)])


def _checksum(content: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(content))


def first_event(time: float) -> Event:
    """Return the event that every file begins with."""
    return Event(wall_time=time, file_version="brain.Event:2")


def purge(time: float, step: int) -> Event:
    """Return the event that has a TensorBoard which is open forget what it has read from this step on."""
    return Event(wall_time=time, step=step, session_log=SessionLog(status=SessionLog.START))


def text(tag: str, markdown: str, time: float, step: int) -> Event:
    """Return the event of a text."""
    return Event(wall_time=time, step=step, summary=summary.text(tag, markdown))


def code_block(lines: str) -> str:
    """Return lines as Markdown shows code."""
    return textwrap.indent(lines, "    ")


def table(rows: Mapping[str, str]) -> str:
    """Return a Markdown table of names and values."""
    lines = (f"| {name} | `{value}` |" for name, value in rows.items())
    return "\n".join(["| | |", "| --- | --- |", *lines])


def hyperparameters(config: Mapping[str, Plain], tags: Iterable[str], time: float) -> list[Event]:
    """Return the events of the page of hyperparameters: their values, and the tags of the curves to compare."""
    experiment, session, _ = summary.hparams(dict(config), dict.fromkeys(tags, 0.0))
    return [Event(wall_time=time, summary=each) for each in (experiment, session)]


def record_event(record: LogRecord) -> Event:
    """Return the event of a record: its numbers are rounded to float32, as TensorBoard's format has them."""
    values = [
        *(Summary.Value(tag=tag_of(record, name), simple_value=value) for name, value in record.numbers.items()),
        *(value for name, each in record.histograms.items() for value in _histogram(name, each).value),
        *(Summary.Value(tag=name, image=_image(png)) for name, png in record.pictures.items()),
    ]
    return Event(wall_time=record.time, step=record.step, summary=Summary(value=values))


def tag_of(record: LogRecord, name: str) -> str:
    """Return the tag of a number: ``cost/validation``, so that the curves of one metric are in one group."""
    if record.axis == "update":
        return f"updates/{name}"
    for part in ("validation", "test"):
        if name.startswith(f"{part}_"):
            return f"{name.removeprefix(f'{part}_')}/{part}"
    return name if name in ("learning_rate", "seconds") else f"{name}/training"


def _histogram(name: str, histogram: Any) -> Summary:
    # A bucket has only its upper limit, so an empty one tells where the first begins.
    return summary.histogram_raw(
        name,
        min=histogram.minimum,
        max=histogram.maximum,
        num=int(histogram.counts.sum()),
        sum=histogram.total,
        sum_squares=histogram.total_squares,
        bucket_limits=histogram.edges.tolist(),
        bucket_counts=[0, *histogram.counts.tolist()],
    )


def _image(png: bytes) -> Summary.Image:
    width, height = struct.unpack(">II", png[16:24])  # of its header
    return Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
