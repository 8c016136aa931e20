"""``modnet plugins``: list, show, check and new."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from modnet.cli.common.completing import Items, complete_kinds
from modnet.cli.common.options import json_option
from modnet.cli.common.output import print_json, print_line, print_table, print_text
from modnet.cli.common.plugin_commands import COMMAND, PluginCommands
from modnet.cli.common.unknown import Commands
from modnet.cli.plugins.inventory import Plugin, check_command, formula_of, installed_plugins, options_of
from modnet.core import registry
from modnet.core.errors import PluginError
from modnet.core.interfaces import FAMILIES
from modnet.core.messages import did_you_mean, printable, question
from modnet.core.plugins.installed import COMMAND_GROUP, COMPONENT_GROUP, installed
from modnet.core.registry import canonical

if TYPE_CHECKING:
    from modnet.testing import Report

_FAMILIES = click.Choice(sorted(FAMILIES))
_NEW = click.Choice([*_FAMILIES.choices, COMMAND])
_COLOURS = {"ok": "green", "failed": "red", "disabled": "bright_black", "conflict": "yellow"}


class _Family(click.Choice[str]):
    """A family; a kind in place of one is answered with both."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = registry.active() if value not in self.choices else None
        meant = [f"{family} {kind}" for family in self.choices if known for kind in known.meant(family, value)]
        if meant:
            self.fail(f"'{value}' is no family{question(meant)}", param, ctx)
        return super().convert(value, param, ctx)


@click.group("plugins", cls=Commands)
def command() -> None:
    """List, show, check or create plug-ins."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the installed plug-ins.

    Each has a version, a status, and the components and commands that it provides. The status is ok; failed, for the
    given reason; disabled; or conflict, where modnet or another plug-in provides the same kind or command: then the
    full name, distribution:kind, must be used.
    """
    plugins = _installed()
    if as_json:
        print_json(plugins, indent=2)
    elif plugins:
        from rich.text import Text

        rows = [
            (
                plugin.name,
                plugin.version,
                Text(plugin.status, _COLOURS[plugin.status]),
                Text("\n".join(map(printable, plugin.components))),
                Text("\n".join(map(printable, plugin.commands))),
                plugin.reason,
            )
            for plugin in plugins
        ]
        columns = ("name", "version", "status", "components", "commands", "reason")
        print_table("Installed plug-ins", columns, rows, text=columns)
    else:
        print_line("No plug-in is installed.")


def _complete_kinds(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return the kinds of the family that was given, or plug-ins' commands."""
    if ctx.params.get("family") == COMMAND:
        return [CompletionItem(name) for name in PluginCommands().by_name() if name.startswith(incomplete)]
    return complete_kinds(ctx, parameter, incomplete)


@command.command("show")
@click.argument("family", type=_Family(_NEW.choices), metavar="FAMILY")
@click.argument("kind", metavar="KIND", shell_complete=_complete_kinds)
@json_option
def show(family: str, kind: str, as_json: bool) -> None:
    """Show a component: its formula, its options and its distribution.

    FAMILY is activation, layer, cost and so on; KIND is built in or provided by a plug-in. With the FAMILY command,
    KIND is the name of a plug-in's command, and its help is shown.
    """
    if family == COMMAND:
        _show_command(kind, as_json)
        return
    try:
        registration = registry.active().find(family, kind)
    except registry.UnknownKindError as error:
        raise PluginError(str(error)) from None
    component, options = registration.component, options_of(registration.component)
    if as_json:
        provider = registration.provider
        names = {"kind": component.kind_name(), "distribution": provider.distribution, "version": provider.version}
        print_json({"family": family, **names, "formula": formula_of(component), "options": options}, indent=2)
        return
    print_text(f"{family} {component.kind_name()}, from {registration.provider}\n\n{formula_of(component)}\n")
    if not options:
        print_line("No options.")
    for option in options:
        facts = [f"{option.name}: {option.type} {option.bounds}".rstrip()]
        if option.required or option.default is not None:
            facts.append("required" if option.required else f"default {json.dumps(option.default, ensure_ascii=False)}")
        print_text(f"{', '.join(facts)}\n    {option.description}")


def _show_command(name: str, as_json: bool) -> None:
    """Show a plug-in's command: its distribution, and its help.

    Raises:
        PluginError: no plug-in provides it, or it cannot be loaded.
    """
    commands = PluginCommands()
    found = commands.find(name)
    if found is None:
        known = commands.by_name()
        hint = did_you_mean(name, known) or f"; known: {', '.join(known) or 'none'}"
        raise PluginError(f"no plug-in provides a command '{name}'{hint}")
    text, provider = found.help_text(), found.provider
    if as_json:
        names = {"name": found.name, "distribution": provider.distribution, "version": provider.version}
        print_json({"family": COMMAND, **names, "help": text}, indent=2)
    else:
        print_text(f"command {found.name}, from {provider}\n\n{text}")


@command.command("check")
@click.argument("name", metavar="NAME")
@json_option
@click.pass_context
def check(ctx: click.Context, name: str, as_json: bool) -> None:
    """Check an installed plug-in with the conformance kit.

    NAME is its distribution or entry point. The exit status is 1 if a check fails. A component with required options
    names values to check it with in its class attribute `conformance`. A command must have a help text.
    """
    from modnet.testing import Report, Result, check_component

    plugin = _plugin(name)
    reports = []
    for component in (entry.component for entry in registry.active() if entry.provider.distribution == plugin.name):
        try:
            reports.append(check_component(component, **getattr(component, "conformance", {})))
        except (TypeError, ValueError) as error:
            hint = "its class attribute 'conformance' holds arguments of check_component"
            failure = Result("conformance", "failed", f"cannot be checked: {error} ({hint})")
            reports.append(Report(f"{component.family}:{component.kind_name()}", (failure,)))
    commands = [item for item in PluginCommands() if item.provider.distribution == plugin.name]
    reports += [check_command(item) for item in commands if item.disabled is None]
    if as_json:
        print_json(_as_dict(plugin, reports), indent=2)
    else:
        print_text("\n".join(map(str, reports)) or f"{plugin.name} {plugin.version} provides nothing.")
    if not all(report.ok for report in reports):
        ctx.exit(1)


def _installed() -> list[Plugin]:
    """Return every installed plug-in."""
    return installed_plugins(registry.active(), PluginCommands())


def _plugin(name: str) -> Plugin:
    """Return the plug-in whose distribution or entry point has this name.

    Raises:
        PluginError: there is none, or it provides nothing.
    """
    plugins = {plugin.name: plugin for plugin in _installed()}
    wanted = canonical(name)
    if wanted not in plugins:
        pairs = [*installed(COMPONENT_GROUP), *installed(COMMAND_GROUP)]
        distributions = {provider.distribution for provider, point in pairs if canonical(point.name) == wanted}
        wanted = distributions.pop() if len(distributions) == 1 else wanted
    if wanted not in plugins:
        hint = did_you_mean(wanted, plugins) or f"; installed: {', '.join(plugins) or 'none'}"
        raise PluginError(f"no plug-in '{name}' is installed{hint}")
    plugin = plugins[wanted]
    if plugin.status in ("failed", "disabled"):
        raise PluginError(f"{plugin.name} {plugin.version} cannot be checked: {plugin.reason}")
    return plugin


def _as_dict(plugin: Plugin, reports: list[Report]) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "ok": all(report.ok for report in reports),
        "components": [
            {
                "component": report.component,
                "ok": report.ok,
                "ran": report.ran,
                "total": len(report.results),
                "checks": [
                    {"name": result.check, "status": result.status, "message": result.message}
                    for result in report.results
                ],
            }
            for report in reports
        ],
    }


@command.command("new")
@click.argument("name", metavar="NAME")
@click.option("--family", type=_NEW, metavar="FAMILY", required=True, help=f"{', '.join(_NEW.choices)}.")
@click.option("--kind", metavar="KIND", help="The kind, or the name of the command.  [default: NAME without 'modnet-']")
def new(name: str, family: str, kind: str | None) -> None:
    """Create a plug-in in the folder NAME.

    It is a distribution with one component, or with a command, a test and a README. It can be installed and passes its
    test as it is; replace the formula by your own.
    """
    from modnet.cli.plugins.scaffold import write_plugin

    for path in write_plugin(name, family, kind):
        print_line(path.as_posix())
