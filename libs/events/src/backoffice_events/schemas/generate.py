"""JSON Schemas (2020-12) of the contracts, with what else consumers rely on: topic, key and content type."""

import inspect
import json
from pathlib import Path
from typing import Any, Final

import msgspec

from backoffice_events.contracts.base import Event, XmlEvent, all_contracts

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
COMMITTED: Final = Path(__file__).resolve().parents[3] / "schemas"
"""Where the committed schemas lie, in a checkout."""

Schema = dict[str, Any]


def schema_of(contract: type[Event]) -> Schema:
    """Return the schema of one contract, whole in itself."""
    about = {
        "$schema": DIALECT,
        "$id": f"urn:backoffice:event:{contract.event_type}",
        "title": contract.__name__,
        "description": inspect.getdoc(contract) or "",
        "x-topic": contract.topic.name,
        "x-compacted": contract.topic.compacted,
        "x-key": list(contract.key_fields),
        "x-content-type": contract.content_type,
        **({"x-announced": True} if contract.announced else {}),
    }
    schema: Schema = _plain({**about, **_body(contract)})
    return schema


def _body(contract: type[Event]) -> Schema:
    """Return the schema of the value; a document's own schema is the standard that it follows."""
    if issubclass(contract, XmlEvent):
        return {"type": "string", "contentMediaType": contract.content_type}
    (schema,), components = msgspec.json.schema_components([contract], ref_template="#/$defs/{name}")
    own = components.pop(schema["$ref"].rsplit("/", 1)[1])
    del own["title"]
    own.pop("description", None)
    return {**own, "$defs": components} if components else own


def _plain(value: Any) -> Any:
    """Return what JSON would make of a value, with docstrings' indentation taken out."""
    if isinstance(value, dict):
        return {
            name: inspect.cleandoc(part) if name == "description" and isinstance(part, str) else _plain(part)
            for name, part in value.items()
        }
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def all_schemas() -> dict[str, Schema]:
    """Return the schemas of all contracts by file name."""
    return {f"{contract.event_type}.json": schema_of(contract) for contract in all_contracts()}


def read(folder: Path) -> dict[str, Schema]:
    """Return the schemas that lie in a folder by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def write(folder: Path, schemas: dict[str, Schema]) -> None:
    """Write schemas into a folder and remove those that are not among them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.name not in schemas:
            path.unlink()
    for name, schema in schemas.items():
        (folder / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
