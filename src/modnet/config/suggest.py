"""What a first guess meant: the key, and the component, where a configuration has an unknown option or kind.

Nothing here is accepted; the error names what would be. Other libraries' names for components are theirs
(`Component.also_known_as`), those for options are in `_OTHER_NAMES`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modnet.config.overrides import apply_override, repair, to_toml
from modnet.config.places import ComponentPlace, KeyPath, OptionPlace, component_places, config_without, option_places
from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.component import Component, Model
from modnet.core.errors import PluginError
from modnet.core.messages import fold, nearest, question

__all__ = ["Suggestion", "for_file", "for_option", "for_text", "message_with_suggestion"]

LONGEST = 90
"""How many characters a suggested line has; of a longer one only the key is suggested."""

_OTHER_NAMES = {
    "batch_size": "batch bs minibatch minibatch_size mini_batch mini_batch_size samples_per_update",
    "beta1": "betas",
    "bias_initializer": "bias_init",
    "bias": "use_bias",
    "callbacks": "callback listeners",
    "cost": "loss loss_function loss_fn cost_function criterion objective",
    "data": "dataset",
    "drop_last": "drop_remainder",
    "dtype": "precision",
    "epochs": "n_epochs num_epochs nb_epoch max_epochs max_iter n_iter iterations passes",
    "epsilon": "eps",
    "initializer": "kernel_initializer weight_init weight_initializer",
    "kind": "type name class_name format",
    "layers": "hidden hidden_layers hidden_layer_sizes hidden_sizes hidden_units layer_sizes sizes",
    "learning_rate": "lr alpha learning_rate_init rate step_size",
    "metrics": "metric scoring",
    "minimum_gain": "min_delta tol",
    "momentum": "nesterovs_momentum",
    "network": "model",
    "optimizer": "optimiser solver",
    "path": "file filename csv_file data_file",
    "patience": "n_iter_no_change",
    "rate": "p drop_rate dropout_rate",
    "regularizers": "regularizer regularization penalty kernel_regularizer",
    "restore_best": "restore_best_weights",
    "rule": "update_rule",
    "transforms": "scaling normalize normalization standardize scaler preprocessing transformers",
    "target_transform": "transformed_target_regressor target_scaling",
    "schedule": "scheduler lr_schedule lr_scheduler learning_rate_schedule",
    "seed": "random_state random_seed rng",
    "strength": "lambda lmbda",
    "target": "label label_column target_column",
    "test_share": "test_split test_fraction test_size",
    "threads": "n_jobs n_threads num_threads",
    "units": "neurons n_units size out_features",
    "validation_share": "validation_split validation_fraction val_split val_share",
}
"""Option → what other libraries call it."""

_UNNAMED = object()
"""The value of an option that was only named."""


@dataclass(frozen=True)
class Suggestion:
    """A key, and the value that it should have, or nothing where the value given may stay."""

    key: str
    value: Any = _UNNAMED

    @property
    def text(self) -> str | None:
        """The value in TOML; None without one, and for one that is too long or none of TOML."""
        try:
            text = None if self.value is _UNNAMED else to_toml(self.value)
        except (TypeError, ValueError, RecursionError):  # none of TOML, too many digits, or too deep
            return None
        return text if text and len(self.key) + len(text) < LONGEST else None

    def __str__(self) -> str:
        """Return the key, or the line of a TOML file."""
        return self.key if self.text is None else f"{self.key} = {self.text}"

    def as_argument(self) -> str:
        """Return what follows ``--set`` on the command line."""
        is_word = isinstance(self.value, str) and re.fullmatch(r"[a-z][\w-]*", self.value)
        return shlex.quote(f"{self.key}={self.value if is_word else self.text or 'VALUE'}")


def message_with_suggestion(detail: ErrorDetails, table: Mapping[str, Any]) -> str:
    """Return the message for an unknown option or kind of a configuration's ``table``, and what was meant by it."""
    context, path = detail["ctx"], tuple(detail["loc"])
    if detail["type"] == "unknown_kind":
        found = _for_kind(config_without(table, path), path, context["family"], context["name"])
        start = f"unknown {context['family']} '{context['name']}'"
        return f"{start}{question([found])}" if found else str(context["problem"])
    key, value, options = str(path[-1]), detail["input"], context["options"]
    near: Sequence[object] = [name for name in options if fold(key) == fold(name)]
    if len(path) > 1 and fold(key) in _names_of("kind"):
        near = ["kind"]
    for exact in (True, False):
        if not near and (found := for_option(table, path, key, value, exact=exact)):
            near = [found]
        near = near or nearest(key, options)
    return f"unknown option{question(near)} ({context['listed']})"


def _for_kind(config: RunConfig, path: KeyPath, family: str, name: str) -> Suggestion | None:
    """Return where a kind belongs that its family does not have, if the family has none that is called nearly so."""
    known = registry.active()
    if family == "dataset" and (found := for_file(name, config, path)):
        return found
    if known.meant(family, name) or nearest(name, known.kinds(family)):
        return None
    return _component(config, name, None)


def for_text(detail: ErrorDetails, path: str, *, is_list: bool) -> Suggestion | None:
    """Return the key with the value that was meant by a text, where a number, a truth value or a list is wanted."""
    types: dict[str, Any] = {"bool_type": bool, "int_type": int, "float_type": int | float}
    wanted = types.get(detail["type"], list if is_list else None)
    value = repair(detail["input"], as_list=is_list)
    if wanted is None or not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        return None
    slot = next((slot for slot in component_places(RunConfig()) if slot.path == detail["loc"]), None)
    if slot is None:
        return Suggestion(path, value)
    found = Suggestion(path, _known(slot.base, value))
    return found if _works(RunConfig(), found) else None


def for_file(path: str, config: RunConfig | None = None, key: KeyPath = ("data",)) -> Suggestion | None:
    """Return the dataset that was meant by a file's path, if one has the kind that the path ends with."""
    component = _found("dataset", path.rpartition(".")[2]) if "." in path else None
    place = ComponentPlace(key, Component, (config or RunConfig()).data)
    return _set(place, component, {"path": path}) if component else None


def for_option(
    table: Mapping[str, Any], path: KeyPath, key: str, value: Any = _UNNAMED, *, exact: bool = True
) -> Suggestion | None:
    """Return where the unknown option ``key``, which stands at ``path``, belongs.

    Args:
        table: The whole configuration, as it was written.
        path: The key path of the option, itself included.
        key: The option.
        value: Its value, if it is known.
        exact: Whether to look for this name only, and not for one that is spelt nearly so.
    """
    config = config_without(table, path)
    found = _for_option(config, path[:-1], key, value, exact=exact)
    if found is None:
        return None
    kind = found.value.get("kind", _UNNAMED) if isinstance(found.value, Mapping) else _UNNAMED
    meant = (found, Suggestion(found.key, kind))
    return next((one for one in meant if _works(config, one)), Suggestion(found.key))


def _works(config: RunConfig, found: Suggestion) -> bool:
    return bool(found.text) and _is_valid(RunConfig, apply_override(config.to_config(), str(found)))


def _for_option(config: RunConfig, section: KeyPath, key: str, value: Any, *, exact: bool) -> Suggestion | None:
    word = fold(key)
    places = list(option_places(config))
    if exact:
        places = [place for place in places if word in _names_of(place.option)]
    else:
        near = nearest(key, {place.option for place in places}, cutoff=0.75)
        places = [place for place in places if place.option in near[:1]]

    def rank(place: OptionPlace) -> tuple[bool, ...]:
        kind = place.component.kind_name() if place.component else None
        is_near = place.table[: len(section)] == section
        is_suffix = isinstance(value, str) and value.endswith(f".{kind}")
        return fold(place.option) != word, not is_near, kind is not None, fold(kind or "") != word, not is_suffix

    if places:
        return _option(config, min(places, key=rank), value, is_hidden="hidden" in word)
    if not exact:
        return None
    if isinstance(value, Mapping) and not section:  # a table such as [training], whose options belong elsewhere
        inner = (_for_option(config, section, str(name), item, exact=True) for name, item in value.items())
        return next(filter(None, inner), None) or _component(config, key, value)
    return _component(config, key, value)


def _option(config: RunConfig, place: OptionPlace, value: Any, *, is_hidden: bool) -> Suggestion:
    path = (*place.table, place.option)
    if isinstance(value, Mapping):  # stays as it was written
        return Suggestion(_dotted(path))
    for slot in component_places(config):
        if slot.path == path and value is not _UNNAMED:
            if isinstance(value, str) and (found := _for_kind(config, path, slot.base.family, value)):
                return found
            is_list = not isinstance(slot.now, Component)
            value = _known(slot.base, repair(value, as_list=True) if is_list and isinstance(value, str) else value)
            if is_list:
                last = map(_short, slot.now[-1:]) if is_hidden else ()
                value = [*(value if isinstance(value, list) else [value]), *last]
        if slot.path == place.table and place.component:
            return _set(slot, place.component, {} if value is _UNNAMED else {place.option: value})
    return Suggestion(_dotted(path), value)


def _component(config: RunConfig, name: str, value: Any) -> Suggestion | None:
    """Return the option that takes the component ``name``, if it is one of a single family."""
    places, known = list(component_places(config)), registry.active()
    families = {place.base.family: kinds for place in places if (kinds := known.meant(place.base.family, name))}
    own = {family: kinds for family, kinds in families.items() if fold(kinds[0]) == fold(name)}
    if len(own or families) != 1:
        return None
    [(family, kinds)] = (own or families).items()
    place = next(place for place in places if place.base.family == family)
    component = _found(family, kinds[0])
    if component is None:
        return None
    options = dict(value) if isinstance(value, Mapping) else {}
    if isinstance(value, int | float) and not isinstance(value, bool):
        declared = (option for option in component.option_names() if option not in place.base.model_fields)
        kind = component.kind_name()
        options = {option: value for option in declared if _is_valid(component, {"kind": kind, option: value})}
    return _set(place, component, options)


def _set(place: ComponentPlace, component: type[Component], options: dict[str, Any]) -> Suggestion:
    """Return the suggestion of a component for a place; to a list it is added, in layers before the last."""
    if isinstance(place.now, Component):
        kept = [name for name in component.option_names() if name in place.now.model_fields_set]
        options = {name: _short(getattr(place.now, name)) for name in kept} | options
    required = {name: field.annotation for name, field in component.model_fields.items() if field.is_required()}
    options = {name: name.upper() if option is str else 10 for name, option in required.items()} | options
    kind = component.kind_name()
    item: Any = {"kind": kind, **options} if options else kind
    if isinstance(place.now, Component):
        return Suggestion(_dotted(place.path), item)
    items = [_short(other) for other in place.now or ()]
    at = len(items) - 1 if component.family == "layer" else len(items)
    return Suggestion(_dotted(place.path), [*items[:at], item, *items[at:]])


def _short(value: Any) -> Any:
    """Return an option's value as it may have been written: of a component its kind and the options that were given."""
    if isinstance(value, tuple):
        return [_short(item) for item in value]
    if not isinstance(value, Component):
        return value
    given = {
        name: _short(getattr(value, name)) for name in type(value).option_names() if name in value.model_fields_set
    }
    if value.shorthand(1) and list(given) == ["units"]:
        return given["units"]
    kind = registry.active().full_name(type(value))
    return {"kind": kind, **given} if given else kind


def _known(base: type[Component], value: Any) -> Any:
    """Return a kind, or a list of them, as it is called here."""
    if isinstance(value, list | tuple):
        return [_known(base, item) for item in value]
    kinds = registry.active().meant(base.family, value) if isinstance(value, str) else []
    return value if not kinds or value in kinds else kinds[0]


def _found(family: str, kind: str) -> type[Component] | None:
    """Return the component of this kind, or None if there is none or more than one."""
    try:
        component: type[Component] = registry.active().find(family, kind).component
    except (registry.UnknownKindError, PluginError):
        return None
    return component


def _names_of(option: str) -> set[str]:
    return {fold(name) for name in [option, *_OTHER_NAMES.get(option, "").split()]}


def _is_valid(model: type[Model], table: dict[str, Any]) -> bool:
    try:
        model.model_validate(table)
    except ValidationError:
        return False
    return True


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))
