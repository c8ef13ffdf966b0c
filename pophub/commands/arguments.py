"""Arguments of several commands: who does it, by login; and a secret, which none takes, since every user can read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError

LOGIN = "Your name as a user (pophub user add); the password is asked for, or POPHUB_PERSON_PASSWORD."
ByUser = Annotated[str, typer.Option("--by", help=LOGIN, envvar="POPHUB_OPERATOR")]
DoneBy = Annotated[
    str, typer.Option("--by", help=f"{LOGIN} The machine's user when left out.", envvar="POPHUB_OPERATOR")
]
_OPTION = re.compile(
    r"--?(?:[a-z]+[-_])?(?:password|passwd|pwd|passphrase|secret|token|api[-_]?key)(?:=.*)?\Z", re.I | re.S
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s@:]*:[^/\s@]+@", re.I)


def refuse_secrets(arguments: Sequence[str]) -> None:
    """Refuse a command line that holds a password, without repeating it.

    Errors: `secret.inline`.
    """
    if any(_OPTION.match(argument) or _ADDRESS.search(argument) for argument in arguments):
        raise ConfigError(
            "secret.inline",
            "a secret stands among the arguments, where every user of this machine can read it",
            where="command line",
            remedy=f"{explain('secret.inline').remedy}; change the secret that was shown",
        )
