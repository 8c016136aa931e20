"""Every fault is found by the check that is meant for it, which says what is wrong."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from typing import Literal

import pytest
from testing import faulty
from testing.faulty import FAULTS, NOTES

from modnet.components.activations import Tanh
from modnet.testing import check_component
from modnet.testing import subprocess_checks as fresh
from modnet.testing.checks import CHECKS


@pytest.fixture
def no_interpreter(monkeypatch):
    """Spare the fresh interpreters, which take the longest and find none of these faults."""

    def answer(code, arguments, text):
        del code, arguments
        return [{"again": one} for one in text.split()], ""

    monkeypatch.setattr(fresh, "_run", answer)
    monkeypatch.setattr(fresh, "_imported", lambda _: ({}, ""))


@pytest.mark.usefixtures("no_interpreter")
@pytest.mark.parametrize(("part", "check", "words"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_fault_is_caught_by_name(part, check, words):
    report = check_component(part)
    found = {result.check: result for result in report.results}[check]
    assert found.status == "failed", report
    assert words in found.message
    assert not report.ok
    assert f"{part.family}:{part.kind_name()} {check}: {found.message}" in report.failures
    assert "\n" not in found.message


@pytest.mark.usefixtures("no_interpreter")
@pytest.mark.parametrize(("part", "check"), NOTES, ids=lambda value: getattr(value, "__name__", None))
def test_a_note_is_no_failure(part, check):
    report = check_component(part)
    assert report.ok, report
    assert [result.check for result in report.results if result.status == "note"] == [check]


def test_every_check_finds_a_fault():
    elsewhere = {"light-import"}  # the modules that are written below
    tried = {check for _, check, _ in FAULTS} | {check for _, check in NOTES} | elsewhere
    assert tried == {check.name for checks in CHECKS.values() for check in checks}


def test_a_part_that_only_its_own_process_can_read_is_caught(monkeypatch):
    monkeypatch.setattr(faulty, "IN_THIS_PROCESS", [True])
    report = check_component(faulty.OnlyHere)
    (failure,) = report.failures
    assert "picklable: OnlyHere(kind='only-here') could not be read in a fresh interpreter: RuntimeError" in failure


def test_a_class_that_is_local_is_pickled_by_its_options():
    class Local(Tanh):
        """tanh z."""

        kind: Literal["local"] = "local"

    report = check_component(Local)
    assert report.ok, report
    assert {result.check: result.status for result in report.results}["picklable"] == "note"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import matplotlib", "brings in matplotlib"),
        ("print('hello')", "should be silent, got: hello"),
        ("import warnings; warnings.warn('old', stacklevel=1)", "should be silent, got: "),
    ],
)
def test_a_heavy_or_noisy_import_is_caught(line, words, tmp_path, monkeypatch):
    (tmp_path / "matplotlib.py").write_text("")
    name = f"part_that_{abs(hash(line))}"
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
