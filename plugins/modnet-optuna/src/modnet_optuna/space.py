"""The search space: the parameters on a configuration that has their keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import Trial

from modnet.analysis.comparison.grid import has_option
from modnet.config.load import load_configs
from modnet.config.overrides import parse, to_toml
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError
from modnet_optuna.parameters import Parameter

__all__ = ["Space"]


class Space:
    """The parameters of a search, on a configuration that has all their keys.

    A key below another one that is searched, such as an activation's slope, is drawn where there is such an option.

    Args:
        table: The configuration as it was read, without defaults, and changed by what is not searched.
        parameters: The parameters.

    Attributes:
        table: The configuration.
        parameters: The parameters, each after those that its key is below of.

    Raises:
        ArgumentError: a key does not exist, or refuses a value or an end of a range.
        ConfigError: the configuration is not valid.
    """

    def __init__(self, table: Mapping[str, Any], parameters: Sequence[Parameter]) -> None:
        self.table = dict(table)
        self.parameters: list[Parameter] = []
        load_configs(self.table, [[]])
        for parameter in sorted(parameters, key=lambda each: len(each.parts)):
            self.parameters.append(self._checked(parameter))

    def first(self) -> RunConfig:
        """Return the configuration with the first value of each parameter."""
        changes: list[str] = []
        for parameter in self.parameters:
            if self._is_there(parameter, changes):
                changes.append(parameter.change(parameter.ends[0]))
        return load_configs(self.table, [changes])[0]

    def suggest(self, trial: Trial) -> None:
        """Draw a value of each parameter, unless the trial has one."""
        for parameter in self.parameters:
            if self._is_there(parameter, self._changes(trial.params)):
                parameter.suggest(trial)

    def settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return key → value as in a configuration, of what Optuna keeps of a trial."""
        drawn = (parameter for parameter in self.parameters if parameter.key in params)
        return {parameter.key: parse(parameter.toml(params[parameter.key])) for parameter in drawn}

    def config(self, params: Mapping[str, Any]) -> RunConfig:
        """Return the configuration of a trial.

        Raises:
            ConfigError: its values do not go together.
        """
        return load_configs(self.table, [self._changes(params)])[0]

    def _changes(self, params: Mapping[str, Any]) -> list[str]:
        drawn = (parameter for parameter in self.parameters if parameter.key in params)
        return [parameter.change(parameter.toml(params[parameter.key])) for parameter in drawn]

    def _checked(self, parameter: Parameter) -> Parameter:
        """Return a parameter; it is one of floats where the key takes them, though its ends are integers."""
        contexts: list[list[str]] = [[]]
        for outer in self._above(parameter):
            contexts = [[*context, outer.change(end)] for context in contexts for end in outer.ends]
        there = [context for context in contexts if self._is_there(parameter, context)] or contexts[:1]
        for context in there:
            try:
                load_configs(self.table, [[*context, parameter.change(end)] for end in parameter.ends])
            except ConfigError as error:
                raise parameter.error(_without_option(error)) from None
        range_ = parameter.distribution
        if isinstance(range_, IntDistribution) and self._takes_floats(parameter, there[0]):
            step = float(range_.step) if parameter.is_stepped else None
            return replace(
                parameter, distribution=FloatDistribution(float(range_.low), float(range_.high), range_.log, step)
            )
        return parameter

    def _takes_floats(self, parameter: Parameter, context: Sequence[str]) -> bool:
        low = float(parameter.ends[0])
        try:
            load_configs(self.table, [[*context, parameter.change(to_toml(low + 0.5))]])
        except ConfigError:
            return False
        return True

    def _above(self, parameter: Parameter) -> list[Parameter]:
        """Return the parameters that this one's key is below of."""
        parts = parameter.key.split(".")
        return [each for each in self.parameters if each is not parameter and each.parts == parts[: len(each.parts)]]

    def _is_there(self, parameter: Parameter, changes: Sequence[str]) -> bool:
        """Return whether a changed configuration has an option for this key."""
        try:
            (config,) = load_configs(self.table, [changes])
        except ConfigError:
            return False
        return has_option(config, parameter.key)


def _without_option(error: ConfigError) -> str:
    """Return the error without the ``--set KEY=VALUE`` that it may begin with."""
    return re.sub(r"^--set \S+?=.*?: (?=')", "", str(error))
