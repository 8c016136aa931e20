"""Commands of plug-ins: listed without an import, imported when called, and set aside where they are broken."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.running import Modnet
from core.plugins.sites import COMPONENT, Site, activation, hook

import modnet
from modnet.core.registry import Registry

HELLO = """
import click
from modnet import DataError

@click.command("other-name")
@click.argument("name", type=click.Choice(["you", "yes", "me"]))
@click.option("--fail", help="What to raise.")
@click.pass_context
def hello(ctx, name, fail):
    \"\"\"Say hello.\"\"\"
    if fail == "data":
        raise DataError("no data")
    if fail == "bug":
        raise ZeroDivisionError("a bug")
    click.echo(f"hello {name}")
    ctx.exit(3 if name == "me" else 0)
"""
GROUP = """
import click

@click.group()
def hello():
    \"\"\"Say things.\"\"\"

@hello.command()
def hi():
    click.echo("hi")
"""
SUMMARY = "Summary: Say hello to somebody.\n"


def entry(name: str = "hello", value: str = "{module}:hello") -> str:
    return f"[modnet.commands]\n{name} = {value}"


def commands_in_help(command: Modnet, *options: str) -> list[str]:
    """Return the lines of the help that list the commands of test plug-ins; others may be installed."""
    _, _, lines = command(*options, "--help").out.partition("\nCommands of plug-ins:\n")
    words = (line.split(None, 1) for line in lines.splitlines())
    return [f"{name} | {text}" for name, text in words if re.match(r"modnet-(hello|odd|broken|thief|a|b)\b", text)]


def facts_of(command: Modnet, *distributions: str, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return what is listed about these plug-ins."""
    listed = command("plugins", "list", "--json", *options)
    assert listed.code == 0
    return [facts for facts in json.loads(listed.out) if facts["name"] in distributions]


@pytest.fixture
def hello(site: Site) -> str:
    """The module of an installed plug-in that has a command."""
    return site.install("modnet-hello", HELLO, entry_points=entry(), more=SUMMARY)


def test_it_is_listed_from_metadata_alone(hello: str, command: Modnet) -> None:
    assert commands_in_help(command) == ["hello | modnet-hello: Say hello to somebody."]
    listed = command("--help")
    assert (listed.code, listed.err, hello in sys.modules) == (0, "", False)


def test_a_plug_in_without_a_summary_is_listed_by_its_distribution(site: Site, command: Modnet) -> None:
    site.install("modnet-hello", HELLO, entry_points=entry())
    site.install("modnet-odd", HELLO, entry_points=entry("a-b"), more="Summary: \x1b[31mred\n")
    assert commands_in_help(command) == ["hello | modnet-hello", "a-b | modnet-odd: \\x1b[31mred"]


def test_without_plug_ins_nothing_is_said(command: Modnet) -> None:
    assert "plug-ins:" not in command("--no-plugins", "--help").out


def test_other_commands_do_not_import_it(hello: str, command: Modnet) -> None:
    for arguments in (("--version",), ("explain",), ("config", "schema"), ("plugins", "--help"), ("trian",)):
        command(*arguments)
        assert hello not in sys.modules
    assert "did you mean 'hello'?" in command("helo").err
    assert hello not in sys.modules


def test_it_is_called(hello: str, command: Modnet) -> None:
    called = command("hello", "you")
    assert (called.code, called.out, called.err) == (0, "hello you\n", "")
    assert hello in sys.modules
    assert command("hello", "me").code == 3
    assert command("modnet-hello:hello", "you") == command("Modnet_Hello:hello", "you") == called
    text = command("hello", "--help").out
    assert text.startswith("Usage: modnet hello [OPTIONS] {you|yes|me}\n\n  Say hello.\n")
    assert "--no-plugin NAME" in text
    wrong = command("hello", "you", "--fial", "x")
    assert (wrong.code, wrong.err) == (2, "modnet: No such option '--fial'; did you mean --fail?\n")


def test_a_group_is_called(site: Site, command: Modnet) -> None:
    module = site.install("modnet-hello", GROUP, entry_points=entry())
    refused = command("hello", "hi", "--no-plugin", "modnet-hello")
    assert (refused.code, module in sys.modules) == (2, False)
    assert command("hello", "hi").out == "hi\n"


def test_its_errors(hello: str, command: Modnet) -> None:
    del hello
    refused = command("hello", "you", "--fail", "data")
    assert (refused.code, refused.err) == (2, "modnet: no data\n")
    with pytest.raises(ZeroDivisionError, match="a bug") as caught:
        command("hello", "you", "--fail", "bug")
    assert caught.value.__notes__ == ["raised by the command 'hello' of modnet-hello 1.2"]


BROKEN = {
    "a failing import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "an exit at import": ("raise SystemExit(3)", "SystemExit: 3"),
    "an error of two lines": ("raise RuntimeError('one\\ntwo')", "RuntimeError: one two"),
    "no such name": ("", "AttributeError: module '{module}' has no attribute 'hello'"),
    "a function": ("def hello(): pass", "{module}:hello is <function hello at 0x"),
    "a class": ("import click\nhello = click.Command", "{module}:hello is <class 'click.core.Command'>; a click"),
}


@pytest.mark.parametrize("strict", ["0", "1"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_one_is_an_error_where_it_is_called(
    site: Site, command: Modnet, monkeypatch: pytest.MonkeyPatch, case: str, strict: str
) -> None:
    source, reason = BROKEN[case]
    module = site.install("modnet-broken", source, entry_points=entry())
    reason = reason.replace("{module}", module)
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", strict)
    assert commands_in_help(command) == ["hello | modnet-broken"]
    assert command("explain").code == 0
    refused = command("hello", "you")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert f"modnet: the command 'hello' of modnet-broken 1.2 could not be loaded: {reason}" in refused.err
    shown = command("plugins", "show", "command", "hello")
    assert shown.err.startswith(refused.err[:70])
    if strict == "1":
        listed = command("plugins", "list", "--json")
        assert (listed.code, listed.err[:70]) == (2, refused.err[:70])
        return
    (facts,) = facts_of(command, "modnet-broken")
    assert (facts["status"], facts["commands"], facts["components"]) == ("failed", [], [])
    assert reason in facts["reason"]
    checked = command("plugins", "check", "modnet-broken")
    assert checked.code == 2
    assert checked.err.startswith("modnet: modnet-broken 1.2 cannot be checked: the command 'hello' of modnet-broken")


@pytest.mark.parametrize("name", ["Hello", "say hello", "hello_you", "-h"])
def test_a_name_that_is_not_allowed(site: Site, command: Modnet, name: str) -> None:
    site.install("modnet-hello", HELLO, entry_points=entry(name))
    reason = f"its name is '{name}'; allowed are lower-case words joined by hyphens"
    (facts,) = facts_of(command, "modnet-hello")
    assert (facts["status"], facts["reason"].endswith(reason)) == ("failed", True)
    assert name == "-h" or command(name, "you").err.endswith(f"{reason}\n")


def test_a_part_of_the_same_plug_in_is_kept(site: Site, command: Modnet, rediscover: Callable[[], Registry]) -> None:
    source = COMPONENT.format(kind="good") + hook("return [Part]")
    site.install("modnet-both", source, entry_points="[modnet]\nboth = {module}\n" + entry(value="no_such_module:x"))
    rediscover()
    modnet.load_config(activation("good"))
    assert "No module named 'no_such_module'" in command("hello").err
    (facts,) = facts_of(command, "modnet-both")
    assert (facts["status"], facts["components"], facts["commands"]) == ("failed", ["activation:good"], [])


@pytest.mark.parametrize(
    ("before", "after", "by"),
    [
        (("--no-plugins",), (), "--no-plugins"),
        ((), ("--no-plugins",), "--no-plugins"),
        (("--no-plugin", "Modnet_Hello"), (), "--no-plugin Modnet_Hello"),
        ((), ("--no-plugin=hello",), "--no-plugin hello"),
        ((), ("--fail", "x", "--no-plugin", "hello"), "--no-plugin hello"),
    ],
)
def test_a_disabled_one_is_not_imported(
    hello: str, command: Modnet, before: tuple[str, ...], after: tuple[str, ...], by: str
) -> None:
    refused = command(*before, "hello", "you", *after)
    assert refused.err == f"modnet: the command 'hello' is not available: modnet-hello 1.2 is disabled by {by}\n"
    assert (refused.code, refused.out) == (2, "")
    options = (*before, *(word for word in after if word not in ("--fail", "x")))
    assert commands_in_help(command, *options) == []
    (facts,) = facts_of(command, "modnet-hello", options=options)
    assert (facts["status"], facts["reason"]) == ("disabled", f"disabled by {by}")
    assert hello not in sys.modules


def test_the_environment_disables_it(hello: str, command: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", "other,MODNET.hello")
    assert "MODNET_DISABLE_PLUGINS" in command("hello", "you").err
    assert commands_in_help(command) == []
    assert hello not in sys.modules


def test_its_name_is_known_to_other_commands(hello: str, command: Modnet, caplog: pytest.LogCaptureFixture) -> None:
    del hello
    Path("x.toml").touch()
    for name in ("modnet-hello", "hello"):
        assert command("--no-plugin", name, "config", "check", "x.toml").code == 0
    assert caplog.messages == []
    command("--no-plugin", "modnet-helo", "config", "check", "x.toml")
    (warning,) = caplog.messages
    assert warning.startswith(
        "modnet: --no-plugin modnet-helo: no installed plug-in has this name; did you mean 'modnet-hello'"
    )


def test_a_built_in_command_is_not_replaced(site: Site, command: Modnet) -> None:
    module = site.install("modnet-thief", HELLO, entry_points=entry("explain"))
    assert command("explain").out.startswith("modnet network 64-30-10")
    assert module not in sys.modules
    assert commands_in_help(command) == ["modnet-thief:explain | modnet-thief"]
    assert command("modnet-thief:explain", "you").out == "hello you\n"
    (facts,) = facts_of(command, "modnet-thief")
    assert (facts["status"], facts["commands"]) == ("conflict", ["explain"])
    assert facts["reason"] == "the command 'explain' is built in; 'modnet-thief:explain' means this one"


def test_two_of_one_name_are_an_error_where_it_is_used(
    site: Site, command: Modnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "1")
    modules = {name: site.install(f"modnet-{name}", HELLO, entry_points=entry()) for name in "ab"}
    assert commands_in_help(command) == ["modnet-a:hello | modnet-a", "modnet-b:hello | modnet-b"]
    assert command("explain").code == 0
    refused = command("hello", "you")
    names = "'modnet modnet-a:hello' or 'modnet modnet-b:hello'"
    assert refused.err == f"modnet: 2 plug-ins provide the command 'hello': write {names}\n"
    assert command("modnet-a:hello", "you").out == "hello you\n"
    assert [name for name, module in modules.items() if module in sys.modules] == ["a"]
    assert command("--no-plugin", "modnet-b", "hello", "you").out == "hello you\n"
    facts = facts_of(command, "modnet-a", "modnet-b")
    assert [(one["status"], one["reason"]) for one in facts] == [
        ("conflict", f"the command 'hello' is also provided by modnet-{other} 1.2") for other in "ba"
    ]


def test_metadata_that_cannot_be_read(site: Site, command: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("modnet-hello", HELLO, entry_points=entry())
    site.install("modnet-lost", entry_points=entry("goodbye"))
    (site.folder / "modnet_lost-1.2.dist-info" / "entry_points.txt").write_bytes(b"[modnet.commands]\n\xff = x\n")
    assert command("hello", "you").out == "hello you\n"
    assert commands_in_help(command) == ["hello | modnet-hello"]
    unknown = command("goodbye").err
    assert unknown.startswith(
        "modnet: No such command 'goodbye' (it may be provided by a plug-in that is not available: "
    )
    assert "modnet-lost 1.2 could not be loaded: UnicodeDecodeError" in unknown
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "1")
    assert command("hello", "you").err.startswith("modnet: plug-in modnet-lost 1.2: UnicodeDecodeError")


def test_a_plug_in_of_commands_is_listed_shown_and_checked(hello: str, command: Modnet) -> None:
    del hello
    (facts,) = facts_of(command, "modnet-hello")
    assert facts == {"name": "modnet-hello", "version": "1.2", "status": "ok", "components": [], "commands": ["hello"],
                     "reason": ""}  # fmt: skip
    assert any({"modnet-hello", "hello"} <= set(line.split()) for line in command("plugins", "list").lines)
    shown = command("plugins", "show", "command", "hello").out
    assert shown.startswith("command hello, from modnet-hello 1.2\n\nUsage: modnet hello [OPTIONS] {you|yes|me}\n")
    as_json = json.loads(command("plugins", "show", "command", "hello", "--json").out)
    assert as_json.pop("help") in shown
    assert as_json == {"family": "command", "name": "hello", "distribution": "modnet-hello", "version": "1.2"}
    unknown = command("plugins", "show", "command", "helo").err
    assert unknown == "modnet: no plug-in provides a command 'helo'; did you mean 'hello'?\n"
    for name in ("modnet-hello", "hello"):
        checked = command("plugins", "check", name)
        assert (checked.code, checked.out) == (
            0,
            "command:hello: conforms (2 of 2 checks ran)\n  passed    loads\n  passed    help\n",
        )


def test_a_command_without_a_help_text_fails_its_check(site: Site, command: Modnet) -> None:
    site.install("modnet-hello", HELLO.replace('"""Say hello."""', ""), entry_points=entry())
    checked = command("plugins", "check", "modnet-hello")
    assert checked.code == 1
    assert "  failed    help: has no help text; its docstring becomes it" in checked.lines


def complete(command: Modnet, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    with monkeypatch.context() as patch:
        patch.setenv("_MODNET_COMPLETE", "bash_complete")
        patch.setenv("COMP_WORDS", "\n".join(["modnet", *words]))
        patch.setenv("COMP_CWORD", str(len(words)))
        result = command()
    assert (result.code, result.err) == (0, "")
    return [line.partition(",")[2] for line in result.lines if line]


def test_a_shell_completes_it(hello: str, site: Site, command: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("modnet-broken", "raise SystemExit", entry_points=entry("hexed"))
    assert complete(command, monkeypatch, "he") == ["hexed", "hello"]
    assert complete(command, monkeypatch, "plugins", "show", "command", "he") == ["hexed", "hello"]
    assert hello not in sys.modules
    assert complete(command, monkeypatch, "hello", "y") == ["you", "yes"]
    assert complete(command, monkeypatch, "hello", "--f") == ["--fail"]
    assert complete(command, monkeypatch, "hexed", "y") == []
    assert complete(command, monkeypatch, "--no-plugins", "hello", "y") == []
