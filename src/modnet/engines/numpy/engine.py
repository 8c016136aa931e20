"""The NumPy engine: the kind ``numpy``, with its options."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modnet.core.component import Auto
from modnet.core.interfaces import Engine, TrainingPlan
from modnet.engines.numpy.session import NumpySession
from modnet.engines.numpy.sideways import SidewaysSession

__all__ = ["NumpyEngine"]


class NumpyEngine(Engine):
    """NumPy, in this process: BLAS has one thread, and threads share the samples of large updates."""

    kind: Literal["numpy"] = "numpy"
    takes_sparse: ClassVar[bool] = True
    threads: Annotated[int | None, Auto("an integer from 1")] = Field(
        default=None,
        ge=1,
        json_schema_extra=Auto.schema,
        description='threads that share the samples of one update; `"auto"` is one for each core if an update is '
        "large enough, else one. Results depend on it in their last bits",
    )

    def start(self, plan: TrainingPlan) -> NumpySession:
        """Begin a training; with `"auto"` a resumed one has as many threads as before, whatever the number of cores."""
        resumes = plan.fingerprint.get("engine") == self.kind  # another engine's threads mean something else
        session = SidewaysSession if SidewaysSession.suits(plan) else NumpySession
        return session(plan, self.threads or (plan.fingerprint["threads"] if resumes else None))
