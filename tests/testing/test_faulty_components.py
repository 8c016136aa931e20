"""Every fault is found by the check that is meant to find it, with a message that says what is wrong."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from typing import Literal

import pytest
from testing.faulty import FAULTS, NOTES, engine_promises, every_family, unusual
from testing.interpreter import fake_run

from modnet.components.activations import Tanh
from modnet.engines.numpy.threads import one_blas_thread
from modnet.testing import check_component, engine_loop_checks, subprocess_checks
from modnet.testing.checks import CHECKS


@pytest.fixture
def no_interpreter(monkeypatch):
    """Spare the fresh interpreters, which take the longest and find none of these faults."""
    monkeypatch.setattr(subprocess_checks, "_run", fake_run)


@pytest.fixture
def no_waiting(monkeypatch):
    """Spare waiting for disks and threads, and let the threads that an engine forgets end with the test."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(engine_loop_checks, "PATIENCE", 0.01)
    engine_promises.THE_END.clear()
    with one_blas_thread():
        yield
    engine_promises.THE_END.set()


@pytest.mark.usefixtures("no_interpreter", "no_waiting")
@pytest.mark.parametrize(("cls", "check", "words"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_fault_is_found_by_its_check(cls, check, words):
    report = check_component(cls)
    result = {result.check: result for result in report.results}[check]
    assert result.status == "failed", report
    assert words in result.message
    assert not report.ok
    assert f"{cls.family}:{cls.kind_name()} {check}: {result.message}" in report.failures
    assert "\n" not in result.message
    if cls.family == "engine":  # whose author has much to look through
        assert len(report.failures) == 1, report


@pytest.mark.usefixtures("no_interpreter")
@pytest.mark.parametrize(("cls", "checks"), NOTES, ids=lambda value: getattr(value, "__name__", None))
def test_a_note_is_not_a_failure(cls, checks):
    report = check_component(cls)
    assert report.ok, report
    assert [result.check for result in report.results if result.status == "note"] == checks


@pytest.mark.usefixtures("no_interpreter")
@pytest.mark.parametrize("cls", unusual.CONFORMING)
def test_a_component_that_is_only_unusual_conforms(cls):
    report = check_component(cls)
    assert {result.status for result in report.results} == {"passed"}, report


def test_every_check_finds_a_fault():
    tested_below = {"light-import"}  # with modules of their own
    assert {check for _, check, _ in FAULTS} | {check for _, checks in NOTES for check in checks} | tested_below == {
        check.name for check in CHECKS
    }


def test_a_component_that_only_its_own_process_can_unpickle_is_found(monkeypatch):
    monkeypatch.setattr(every_family, "IN_THIS_PROCESS", [True])
    report = check_component(every_family.OnlyHere)
    (failure,) = report.failures
    assert (
        "picklable: OnlyHere cannot be unpickled in a fresh interpreter: RuntimeError: not in this process" in failure
    )


def test_a_local_class_is_pickled_by_its_options():
    class Local(Tanh):
        """tanh z."""

        kind: Literal["local"] = "local"

    report = check_component(Local)
    assert report.ok, report
    assert {result.check: result.status for result in report.results}["picklable"] == "note"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import matplotlib", "imports matplotlib"),
        ("print('hello')", "should print nothing, got: hello"),
        ("import warnings; warnings.warn('old', stacklevel=1)", "should print nothing, got: "),
    ],
)
def test_a_heavy_or_noisy_import_is_found(line, words, tmp_path, monkeypatch):
    (tmp_path / "matplotlib.py").write_text("")
    name = f"component_{abs(hash(line))}"
    (tmp_path / f"{name}.py").write_text(
        textwrap.dedent(f'''
            from typing import Literal

            from modnet.components.activations import Tanh

            {line}

            class Loud(Tanh):
                """tanh z."""

                kind: Literal["loud"] = "loud"
        ''')
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(UserWarning, match="old") if "warn" in line else contextlib.nullcontext():
        module = __import__(name)
    sys.modules.pop("matplotlib", None)
    report = check_component(module.Loud)
    assert [result.check for result in report.results if result.status == "failed"] == ["light-import"]
    assert words in report.failures[0]
