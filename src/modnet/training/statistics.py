"""The states of layers that follow the samples, such as the running means of normalisations, at one θ."""

from __future__ import annotations

import math
from itertools import pairwise

from modnet.core.random import Stream, generator
from modnet.data.prepared import Samples
from modnet.engines.numpy.batches import BatchLoader
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import CHUNK, Network

__all__ = ["update_layer_states"]

ENOUGH = 100
"""After so many batches a running mean with the usual momentum of 0.1 has forgotten where it began (0.9¹⁰⁰ = 3e-5)."""


def update_layer_states(network: Network, samples: Samples, batch_size: int, seed: int) -> None:
    """Pass samples forward as in training, so that the layers' states become those of the network's present θ.

    All samples go through in a random order, in batches of about this size (at most `CHUNK`), and again until there
    were enough batches. θ and the randomness of the training are left alone.
    """
    workspace, loader = Workspace(network, generator(seed, Stream.STATISTICS)), BatchLoader(samples, network)
    order, total = generator(seed, Stream.STATISTICS, 1), len(samples)
    count = max(total // min(batch_size, CHUNK), 1)
    cuts = [total * index // count for index in range(count + 1)]  # of one length: no batch of one sample is left over
    for _ in range(math.ceil(ENOUGH / count)):
        rows = order.permutation(total)
        for start, stop in pairwise(cuts):
            workspace.forward(loader.gather(rows[start:stop]))
