"""``modnet plugins``: what is installed, what a part is, whether it is right, and a new one to begin with."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import click

from modnet.cli.plugins.inventory import Plugin, formula_of, options_of, plugins_in
from modnet.core import registry
from modnet.core.component import Component
from modnet.core.errors import PluginError
from modnet.core.interfaces import FAMILIES
from modnet.core.messages import did_you_mean
from modnet.core.plugins.discovery import ENTRY_POINT_GROUP
from modnet.core.registry import canonical

if TYPE_CHECKING:
    from modnet.testing import Report

__all__ = ["command"]

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_FAMILIES = click.Choice(sorted(FAMILIES))


@click.group("plugins")
def command() -> None:
    """Look at installed plug-ins, check one, or begin a new one."""


@command.command("list")
@_AS_JSON
def list_(as_json: bool) -> None:
    """List every installed plug-in with its version, its status, and the parts that it gives.

    The status is ok, failed (it was set aside, for the reason that stands there), disabled, or conflict (another
    plug-in or modnet itself claims the same; only a configuration that uses it has to decide).
    """
    plugins = plugins_in(registry.active())
    if as_json:
        click.echo(json.dumps([plugin.as_dict() for plugin in plugins], indent=2))
    elif plugins:
        _print_plugins(plugins)
    else:
        click.echo("No plug-in is installed.")


def _print_plugins(plugins: list[Plugin]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    colours = {"ok": "green", "failed": "red", "disabled": "dim", "conflict": "yellow"}
    table = Table()
    for heading in ("name", "version", "status", "components", "reason"):
        table.add_column(heading, overflow="fold")  # a name is never cut
    for plugin in plugins:
        status = f"[{colours[plugin.status]}]{plugin.status}[/]"
        table.add_row(*map(escape, (plugin.name, plugin.version)), status,
                      *map(escape, ("\n".join(plugin.components), plugin.reason)))  # fmt: skip
    Console().print(table)


@command.command("show")
@click.argument("family", type=_FAMILIES)
@click.argument("kind", metavar="KIND")
@_AS_JSON
def show(family: str, kind: str, as_json: bool) -> None:
    """Show a part, built-in or not: its formula, its options, and which distribution it comes from."""
    try:
        found = registry.active().find(family, kind)
    except registry.UnknownKindError as error:
        raise PluginError(str(error)) from None
    part, options = found.component, options_of(found.component)
    if as_json:
        facts: dict[str, Any] = {
            "family": family,
            "kind": part.kind_name(),
            "distribution": found.provider.distribution,
            "version": found.provider.version,
            "formula": formula_of(part),
            "options": [option.as_dict() for option in options],
        }
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(f"{family} {part.kind_name()}, from {found.provider}\n\n{formula_of(part)}\n")
    if not options:
        click.echo("No options.")
        return
    for option in options:
        default = "required" if option.required else _default(option.default)
        click.echo(", ".join(filter(None, [f"{option.name}: {option.type} {option.bounds}".rstrip(), default])))
        click.echo(f"    {option.description}")


def _default(value: Any) -> str:
    return "" if value is None else f"default {json.dumps(value, ensure_ascii=False)}"


@command.command("check")
@click.argument("name", metavar="NAME")
@_AS_JSON
@click.pass_context
def check(ctx: click.Context, name: str, as_json: bool) -> None:
    """Check every part of one installed plug-in with the conformance kit; the status is 1 where a check fails.

    NAME is the plug-in's distribution or entry point. A part whose options have no defaults says what it is to be
    checked with in its class attribute `conformance`.
    """
    from modnet.testing import check_component

    plugin = _plugin(name)
    reports = []
    for part in _parts_of(plugin):
        try:
            reports.append(check_component(part, **getattr(part, "conformance", {})))
        except (TypeError, ValueError) as error:
            reason = f"{plugin.name}: {part.family}:{part.kind_name()} cannot be checked: {error}"
            raise PluginError(f"{reason} (its class attribute 'conformance' has what check_component takes)") from None
    if as_json:
        click.echo(json.dumps(_as_dict(plugin, reports), indent=2))
    else:
        for report in reports:
            click.echo(str(report))
        if not reports:
            click.echo(f"{plugin.name} {plugin.version} gives no parts.")
    if not all(report.ok for report in reports):
        ctx.exit(1)


def _plugin(name: str) -> Plugin:
    """Return the one plug-in that goes by this name.

    Raises:
        PluginError: none does, or it gives nothing.
    """
    plugins = {plugin.name: plugin for plugin in plugins_in(registry.active())}
    wanted = canonical(name)
    if wanted not in plugins:
        points = [point for point in entry_points(group=ENTRY_POINT_GROUP) if canonical(point.name) == wanted]
        owners = {canonical(point.dist.name) for point in points if point.dist is not None}
        wanted = owners.pop() if len(owners) == 1 else wanted
    if wanted not in plugins:
        hint = did_you_mean(wanted, plugins) or f"; installed: {', '.join(plugins) or 'none'}"
        raise PluginError(f"no plug-in '{name}' is installed{hint}")
    plugin = plugins[wanted]
    if plugin.status in ("failed", "disabled"):
        raise PluginError(f"{plugin.name} {plugin.version} cannot be checked: {plugin.reason}")
    return plugin


def _parts_of(plugin: Plugin) -> list[type[Component]]:
    return [part.component for part in registry.active() if part.provider.distribution == plugin.name]


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
@click.option("--family", type=_FAMILIES, required=True, help="Of which family the part is.")
@click.option("--kind", help="The part's kind; without it NAME, less a 'modnet-' at its front.")
def new(name: str, family: str, kind: str | None) -> None:
    """Write a new plug-in into the folder NAME: a distribution with one part, its test, and a page about it.

    It can be installed and passes its tests as it stands: put your own formula in the place of the one that is there.
    """
    from modnet.cli.plugins.scaffold import write_plugin

    for path in write_plugin(name, family, kind):
        click.echo(path.as_posix())
