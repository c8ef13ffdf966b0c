"""The JSON Schemas of connector and subscription files, for editors to complete and check by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pophub.contracts.code_tables import read_tables
from pophub.contracts.model import ConnectorFile
from pophub.contracts.subscription_model import SubscriptionFile


def schema_text(project: Path) -> str:
    """Give the JSON Schema of `connectors/*/*.yaml` as text, as it stands in docs/; it names the project's codes."""
    schema = ConnectorFile.model_json_schema(by_alias=True)
    codes = schema["$defs"]["FieldMapping"]["properties"]["codes"]
    codes["anyOf"][0]["enum"] = list(read_tables(project)[0].sound)
    return _text(schema)


def subscription_schema_text() -> str:
    """Give the JSON Schema of `subscriptions/*.yaml` as text, as it stands in docs/."""
    return _text(SubscriptionFile.model_json_schema(by_alias=True))


def _text(schema: dict[str, Any]) -> str:
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(_portable(schema), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _portable(value: Any) -> Any:
    r"""Write \A and \z as ^ and $, which JSON Schema's regular expressions know."""
    if isinstance(value, dict):
        return {_portable(key): _portable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_portable(inner) for inner in value]
    if isinstance(value, str) and value.startswith("\\A"):
        return "^" + value.removeprefix("\\A").removesuffix("\\z") + "$"
    return value
