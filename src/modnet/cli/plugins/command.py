"""``modnet plugins``: list, show, check and new."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import click

from modnet.cli.common.completing import complete_kinds
from modnet.cli.common.options import json_option
from modnet.cli.common.output import print_json, print_line, print_table, print_text
from modnet.cli.common.unknown import Commands
from modnet.cli.plugins.inventory import Plugin, formula_of, installed_plugins, options_of
from modnet.core import registry
from modnet.core.errors import PluginError
from modnet.core.interfaces import FAMILIES
from modnet.core.messages import did_you_mean, printable, question
from modnet.core.plugins.discovery import ENTRY_POINT_GROUP
from modnet.core.registry import canonical

if TYPE_CHECKING:
    from modnet.testing import Report

_FAMILIES = click.Choice(sorted(FAMILIES))
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

    Each has a version, a status and the components that it provides. The status is ok; failed, for the given reason;
    disabled; or conflict, where modnet or another plug-in provides the same kind: then a configuration that uses it
    must give the full name, distribution:kind.
    """
    plugins = installed_plugins(registry.active())
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
                plugin.reason,
            )
            for plugin in plugins
        ]
        columns = ("name", "version", "status", "components", "reason")
        print_table("Installed plug-ins", columns, rows, text=columns)
    else:
        print_line("No plug-in is installed.")


@command.command("show")
@click.argument("family", type=_Family(_FAMILIES.choices), metavar="FAMILY")
@click.argument("kind", metavar="KIND", shell_complete=complete_kinds)
@json_option
def show(family: str, kind: str, as_json: bool) -> None:
    """Show a component: its formula, its options and its distribution.

    FAMILY is activation, layer, cost and so on; KIND is built in or provided by a plug-in.
    """
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


@command.command("check")
@click.argument("name", metavar="NAME")
@json_option
@click.pass_context
def check(ctx: click.Context, name: str, as_json: bool) -> None:
    """Check an installed plug-in with the conformance kit.

    NAME is its distribution or entry point. The exit status is 1 if a check fails. A component with required options
    names values to check it with in its class attribute `conformance`.
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
    if as_json:
        print_json(_as_dict(plugin, reports), indent=2)
    else:
        print_text("\n".join(map(str, reports)) or f"{plugin.name} {plugin.version} provides no components.")
    if not all(report.ok for report in reports):
        ctx.exit(1)


def _plugin(name: str) -> Plugin:
    """Return the plug-in whose distribution or entry point has this name.

    Raises:
        PluginError: there is none, or it provides nothing.
    """
    plugins = {plugin.name: plugin for plugin in installed_plugins(registry.active())}
    wanted = canonical(name)
    if wanted not in plugins:
        points = [point for point in entry_points(group=ENTRY_POINT_GROUP) if canonical(point.name) == wanted]
        distributions = {canonical(point.dist.name) for point in points if point.dist is not None}
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
@click.option("--family", type=_FAMILIES, metavar="FAMILY", required=True, help=f"{', '.join(_FAMILIES.choices)}.")
@click.option("--kind", metavar="KIND", help="The component's kind.  [default: NAME without a leading 'modnet-']")
def new(name: str, family: str, kind: str | None) -> None:
    """Create a plug-in in the folder NAME.

    It is a distribution with one component, a test and a README. It can be installed and passes its test as it is;
    replace the formula by your own.
    """
    from modnet.cli.plugins.scaffold import write_plugin

    for path in write_plugin(name, family, kind):
        print_line(path.as_posix())
