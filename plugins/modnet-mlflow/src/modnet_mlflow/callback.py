"""The callback and its options; what logs is imported when a training begins."""

from __future__ import annotations

from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from modnet import LogCallback, LogWriter
from modnet_mlflow.names import LONGEST_NAME, LONGEST_TAG, mlflow_name

__all__ = ["MLflow"]


class MLflow(LogCallback):
    """Logs a training to MLflow, as one run of an experiment.

    Where that is not possible, because the server is down, say, a line on standard error says so, and the training goes
    on.
    """

    kind: Literal["mlflow"] = "mlflow"
    also_known_as: ClassVar[tuple[str, ...]] = ("ml-flow", "mlflow-logger")
    tracking_uri: str | None = Field(
        default=None,
        min_length=1,
        description="the server's URL, or that of a database such as `sqlite:///mlflow.db`; by default the environment "
        "variable `MLFLOW_TRACKING_URI`, or what MLflow takes without it",
    )
    experiment: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="the experiment, which is made if there is none; by default the environment variable "
        "`MLFLOW_EXPERIMENT_NAME`, or `modnet`",
    )
    run_name: str | None = Field(
        default=None, min_length=1, max_length=250, description="the run's name; by default that of the run folder"
    )
    tags: dict[str, str] = Field(default_factory=dict, description="tags of the run, beside versions and digests")
    model: bool = Field(default=True, description="whether the model file is an artifact of the run")

    @field_validator("tracking_uri")
    @classmethod
    def _check_has_no_password(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).password is not None:
            raise ValueError(
                "has a password, which every file of the run would hold; allowed: a URL without one, and the "
                "environment variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_URI"
            )
        return value

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if mlflow_name(name) != name:
                allowed = f"letters, digits, spaces and _ - . in at most {LONGEST_NAME} characters"
                raise ValueError(f"{name!r} is no name of a tag; allowed: {allowed}")
            if not 0 < len(text) <= LONGEST_TAG:
                raise ValueError(f"{name}: has {len(text):,} characters; allowed: 1 to {LONGEST_TAG:,}")
        return value

    def writer(self) -> LogWriter:
        """Return a writer of one run."""
        from modnet_mlflow.writer import MLflowWriter

        return MLflowWriter(self.tracking_uri, self.experiment, self.run_name, self.tags, has_model=self.model)
