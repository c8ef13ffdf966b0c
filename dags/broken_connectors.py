"""Shows broken connector files as one import error; the DAGs of the sound ones live on.

Airflow looks only into files that hold the words dag and airflow: this sentence is why it looks here.
"""

from __future__ import annotations

from pophub.contracts.load import load_all
from pophub.domain.errors import ConfigError
from pophub.settings import Settings

_errors = load_all(Settings.load().project)[1]
if _errors:
    raise ConfigError(
        "config.broken_connector",
        f"{len(_errors)} connector file(s) are broken:\n"
        + "\n".join(f"- {error}" for error in _errors)
        + "\n",
        remedy="mend them, then `pophub connector check`",
    ) from None
