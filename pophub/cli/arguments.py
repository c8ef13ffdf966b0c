"""Arguments that commands of several nouns take."""

from __future__ import annotations

from typing import Annotated

import typer

Stem = Annotated[str, typer.Argument(help="Dataset, such as mps.citizens.")]
