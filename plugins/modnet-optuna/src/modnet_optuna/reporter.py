"""What is told while a search is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command that prints its help need not import Optuna
    from modnet_optuna.ledger import Counts
    from modnet_optuna.outcome import TrialResult
    from modnet_optuna.plan import Plan

__all__ = ["Reporter"]


class Reporter:
    """What is told while a search is made; this one says nothing."""

    def begin(self, plan: Plan, counts: Counts) -> None:
        """Say what is searched, and how far it is."""

    def finished(self, trial: TrialResult, counts: Counts) -> None:
        """Say what a trial has reached, wherever it was made."""

    def waiting(self, counts: Counts) -> None:
        """Say how far the search is, again and again."""
