"""A person's name is proven in one way: every command that takes one takes it by the same option."""

from __future__ import annotations

from collections.abc import Iterator

import click
import typer

from pophub.cli.program import app
from pophub.commands.arguments import LOGIN

COUNTED_BY = {"figures", "growth"}  # --by year, quarter or month


def commands(group: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Give every command by its words."""
    for word, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{name} {word}".strip())
    if not getattr(group, "commands", {}):
        yield name, group


def test_each_command_that_takes_a_persons_name_takes_it_by_login() -> None:
    found = {
        name: option
        for name, command in commands(typer.main.get_command(app))
        for option in command.params
        if "--by" in option.opts and name not in COUNTED_BY
    }
    assert len(found) >= 14
    for name, option in found.items():
        assert isinstance(option, click.Option) or hasattr(option, "help")
        assert str(getattr(option, "help", "")).startswith(LOGIN), name
        assert getattr(option, "envvar", None) == "POPHUB_OPERATOR", name
