"""What TensorBoard's own reader finds in event files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

ALL = dict.fromkeys(("scalars", "histograms", "images", "tensors"), 0)


def read(folder: Path) -> EventAccumulator:
    reader = EventAccumulator(str(folder), size_guidance=ALL)
    reader.Reload()
    return reader


def curves(reader: EventAccumulator) -> dict[str, list[tuple[int, float]]]:
    """Return tag → its points; the time that an epoch took is left out."""
    tags = (tag for tag in reader.Tags()["scalars"] if tag != "seconds")
    return {tag: [(point.step, point.value) for point in reader.Scalars(tag)] for tag in tags}


def expected_curves(history: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return what the curves of a history should be: in float32, by metric and part."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in history:
        for name, value in row.items():
            words = name.split("_")
            tag = f"{'_'.join(words[1:])}/{words[0]}" if words[0] in ("validation", "test") else f"{name}/training"
            tag = name if name == "learning_rate" else tag
            if name not in ("epoch", "seconds"):
                found.setdefault(tag, []).append((row["epoch"] + 1, float(np.float32(value))))
    return found


def everything(folder: Path) -> dict[str, Any]:
    """Return all that the reader finds but times, as one can compare it."""
    reader = read(folder)
    tags = reader.Tags()
    return {
        "curves": curves(reader),
        "histograms": {
            tag: [(each.step, repr(each.histogram_value)) for each in reader.Histograms(tag)]
            for tag in tags["histograms"]
        },
        "images": {
            tag: [(each.step, each.encoded_image_string) for each in reader.Images(tag)] for tag in tags["images"]
        },
    }


def twice(folder: Path) -> list[tuple[str, int]]:
    """Return tag and step of what is more than once in the files, whatever a reader would leave out of it."""
    counts: Counter[tuple[str, int]] = Counter()
    for path in folder.glob("*tfevents*"):
        for content in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(content)
            counts.update((value.tag, event.step) for value in event.summary.value)
    return [point for point, count in counts.items() if count > 1]
