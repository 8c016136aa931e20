"""Where a search is kept: an SQLite file or a database, which its processes share, with Optuna's heartbeat."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError as URLError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from modnet.analysis.comparison.plan import ArgumentError
from modnet.core.errors import ModnetError
from modnet.core.messages import error_text, truncate
from modnet.storage.atomic import write_errors

__all__ = ["GRACE", "Place", "quiet"]

GRACE = 3
"""After how many intervals without a heartbeat a trial is taken from its process."""
PATIENCE = 300.0
"""For how many seconds a process waits for others that write to an SQLite file."""
_ATTEMPTS = 5
"""How often tables are made: of several processes that make them at once, all but one fail."""


@contextmanager
def quiet() -> Iterator[None]:
    """Let Optuna say nothing on its own: neither that heartbeats are an experiment of it, nor how trials went."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


class Place:
    """An SQLite file, or a database by its URL.

    Args:
        text: A file's path, or a URL of SQLAlchemy (``postgresql://…``).
        is_temporary: Whether nobody needs it after a power failure.

    Attributes:
        name: What errors call it; a URL without its password.

    Raises:
        ArgumentError: it is no URL, or in memory, where other processes do not see it; nothing can be at the path.
    """

    def __init__(self, text: str, *, is_temporary: bool = False) -> None:
        self.name, self._text, self._path, self._is_temporary = text, text, text, is_temporary
        if "://" in text:
            try:
                url = sqlalchemy.make_url(text)
            except URLError:
                raise ArgumentError(f"storage {truncate(text)}: is no URL of a database") from None
            self.name = url.render_as_string(hide_password=True)
            self._path = (url.database or ":memory:") if url.get_backend_name() == "sqlite" else ""
        if self._path == ":memory:":
            raise ArgumentError(f"storage {self.name}: is in memory; allowed: a file's path, or the URL of a database")
        if self._path:
            with write_errors(f"--storage {self.name}"):
                Path(os.path.realpath(self._path)).parent.stat()
                if stat.S_ISDIR(Path(self._path).stat().st_mode if Path(self._path).exists() else 0):
                    raise IsADirectoryError(f"{self._path} is a folder")

    def open(self, heartbeat: int) -> RDBStorage:
        """Return the storage, with its tables; ``heartbeat`` is the seconds between two signs of life of a trial.

        Raises:
            ModnetError: it cannot be opened, or has tables of another version of Optuna.
        """
        options: dict[str, Any] = {"heartbeat_interval": heartbeat, "grace_period": GRACE * heartbeat}
        with self.errors():
            for attempt in range(_ATTEMPTS):
                try:
                    return self._open_file(options) if self._path else RDBStorage(self._escaped(), **options)
                except (SQLAlchemyError, StorageInternalError):
                    if attempt == _ATTEMPTS - 1:
                        raise
                    time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 -- so that two do not meet again
        raise AssertionError("the last attempt returns or raises")

    def _open_file(self, options: dict[str, Any]) -> RDBStorage:
        """Return the storage of an SQLite file, of which each transaction is alone.

        SQLite has no locks of rows, with which Optuna keeps two processes from taking one waiting trial.
        """

        def connect() -> sqlite3.Connection:
            # Without an isolation level Python begins no transaction by itself.
            connection = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            made.append(connection)
            if self._is_temporary:
                connection.execute("PRAGMA synchronous = OFF")  # a trial waits for the disk some seven times
            return connection

        made: list[sqlite3.Connection] = []
        try:
            storage = RDBStorage("sqlite:///", engine_kwargs={"creator": connect, "poolclass": QueuePool}, **options)
        except BaseException:
            for connection in made:  # of an engine that nobody has
                connection.close()
            raise
        finally:
            made.clear()
        event.listen(storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return storage

    def _escaped(self) -> str:
        return self._text.replace("{", "{{").replace("}", "}}")  # Optuna takes it for a template

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what a database raises into one line that names it.

        Raises:
            ModnetError: instead.
        """
        try:
            yield
        except (StorageInternalError, ImportError) as error:  # which Optuna makes of others
            raise ModnetError(f"{self.name}: {_reason(error.__cause__ or error)}") from None
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise ModnetError(f"{self.name}: {_reason(error)}") from None
        except RuntimeError as error:
            if "schema" not in str(error):  # of another version of Optuna
                raise
            raise ModnetError(f"{self.name}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    return error_text(getattr(error, "orig", None) or error)
