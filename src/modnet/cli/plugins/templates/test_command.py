"""Calls the command, and checks that its name finds it."""

import modnet
from click.testing import CliRunner
from modnet.cli.common.plugin_commands import PluginCommands

from MODULE import command


def test_it_counts(tmp_path):
    run = modnet.Trainer.from_config({"epochs": 0, "network": {"layers": [3, 2]}}).fit([[0.0, 1.0]] * 4, ["a", "b"] * 2)
    modnet.save(run.network, tmp_path / "model.safetensors")
    result = CliRunner().invoke(command, [str(tmp_path / "model.safetensors")])
    assert (result.exit_code, result.output) == (0, "17 parameters\n")


def test_modnet_finds_it():
    assert PluginCommands().find("NAME:KIND").load() is command
