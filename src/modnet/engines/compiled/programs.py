"""What a session asks of the library that compiles: functions by name, and arrays on a device."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from modnet.core.arrays import Array
from modnet.engines.compiled.functions import Arrays
from modnet.engines.compiled.share import Share

__all__ = ["Carry", "Programs"]


class Carry(NamedTuple):
    """What updates change, in arrays that nobody writes to; the number of updates is counted beside it.

    Attributes:
        theta: The arrays of θ that are trained.
        rule: The rule's state, as `RuleArrays` splits it.
        states: The layers' states.
    """

    theta: Arrays
    rule: Any
    states: list[dict[str, Array]]


class Programs(Protocol):
    """The functions of one training, each compiled when it is first called.

    Calls may return before the device has computed: who reads a result waits for it.

    In their arguments, ``data`` is a dict of arrays x, y (classes as integers, else numbers) and perhaps w, in which
    samples lie one after the other from ``start``; in the last of several pieces others follow, which do not count.
    ``total`` is what the samples of an update weigh, and ``key`` two numbers from which all randomness of the layers
    follows, with the number of updates made before.

    In several processes, data are this one's rows of each batch, and ``batch`` and ``rows`` how many places it has for
    those of one, of ``size`` samples. All other arguments and all results are the same in every process: counts, totals
    and positions are those of whole batches, and outputs those of all processes, one after the other.

    - ``gather(data, rows)`` returns data with these rows, in order.
    - ``place(data, more)`` returns data with others in place of its first rows; it may use data's memory for that.
    - ``updates(carry, frozen, data, start, number, key, (counts, totals, rates, momenta), batch=…, size=…)`` makes as
      many updates as there are counts above 0, each with the next ``batch`` samples, of which ``counts`` count. It
      returns the carry, outputs as the updates saw them, (updates, batch, outputs), the penalties times the totals,
      summed, and whether all numbers are finite.
    - ``accumulate(sums, carry, frozen, data, start, position, key, number, counts, total, rows=…, size=…)`` adds to a
      pair of gradients and layers' states, by pieces of ``rows`` samples, what those of one update give that come after
      ``position`` others; and returns it with the outputs, (pieces, rows, outputs).
    - ``outputs(carry, frozen, data)`` returns the outputs of rows x, (rows, outputs), as predictions have them.
    - ``penalized(carry, gradients, total)`` returns gradients with those of the penalties.
    - ``step(carry, gradients, states, number, rate, momentum)`` returns the carry after an update.
    - ``finish(carry, gradients, states, number, total, rate, momentum)`` is both, and also returns the penalty times
      the total, and whether all numbers are finite.
    """

    def call(self, name: str, shapes: tuple[Hashable, ...], *args: Any, **static: Any) -> Any:
        """Call a function; ``shapes`` tells the shapes of these arguments from those of its other calls."""

    @property
    def share(self) -> Share:
        """Which rows of a batch the programs of this process are given."""

    def put(self, tree: Any) -> Any:
        """Return arrays, in tuples, lists and dicts, on the device; the same in every process."""

    def put_rows(self, data: Any) -> Any:
        """Return rows, this process's own, on the device."""

    def settings(self) -> AbstractContextManager[None]:
        """Return a context in which everything else is called."""
