"""The command ``modnet plugins``: list, show, check and new."""

from modnet.cli.plugins.command import command as command
