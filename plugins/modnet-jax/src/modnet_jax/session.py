"""How a training begins on a device: what is compiled, and how much work calls have."""

from __future__ import annotations

from typing import Any

from modnet import EngineSession, TrainingPlan
from modnet.data.row_source import row_bytes
from modnet.engines.compiled.gradients import Sizes
from modnet.engines.compiled.parts import Parts
from modnet.engines.compiled.prediction import predict, tell
from modnet.engines.compiled.session import CompiledSession
from modnet_jax.cache import ProgramCache
from modnet_jax.compiled import JaxPrograms
from modnet_jax.device import Device
from modnet_jax.host import JaxHostCalls
from modnet_jax.program import Program

__all__ = ["start"]

CHUNK_PIECES = 4
"""How many pieces the samples of one call have at most: of 1,024, or fewer where a layer has thousands of units."""
CHUNK_BYTES = 16 << 20
"""How many bytes these samples have at most, and their outputs."""
GPU_FACTOR = 16
"""By how many times a GPU's calls and pieces are larger, as each costs more there, and a sample less."""


def start(plan: TrainingPlan, device: Device, group: Any, cache: str, memory: float | None) -> EngineSession:
    """Begin a training on a device of each process of a group; see the engine's options for the others."""
    calls, kept = JaxHostCalls(on_cpu=device.is_cpu), ProgramCache(cache, device)
    network, fingerprint = plan.network, {"processes": group.count, **device.fingerprint}
    programs = JaxPrograms(program := Program(plan, Parts(plan, calls)), device, kept)
    outputs, factor = network.outputs * network.dtype.itemsize, 1 if device.is_cpu else GPU_FACTOR
    chunk = max(1, factor * min(CHUNK_PIECES * network.chunk, CHUNK_BYTES // max(row_bytes(plan.samples.x), outputs)))
    most = device.free_memory if memory is None else int(memory * 1e9)
    if group.count > 1:
        from modnet_jax.sharing import SharedProgram, SharedPrograms

        calls.refused = "in several processes Python cannot run it"
        found = predict(plan, programs, program.parameters, program.rule, group, chunk)
        tell(found if group.primary else None)
        programs = SharedPrograms(program := SharedProgram(plan, Parts(plan, calls)), device, kept, group)
    sizes = Sizes(chunk * group.count, min(chunk, factor * network.chunk) * group.count, most)
    return CompiledSession(plan, programs, program.parameters, program.rule, sizes, fingerprint)
