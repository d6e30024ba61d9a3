"""The little of YAML that a document of objects, lists and scalars needs."""

import json
import re
from typing import Any, Final

_PLAIN_KEY: Final = re.compile(r"[A-Za-z$_][\w.$-]*", re.ASCII)
_OTHER_MEANING: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def dump(value: Any) -> str:
    """Return a document of dicts, lists, strings, numbers and booleans as YAML, in the order given."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, part in value.items() for line in _entry(f"{_key(key)}:", part)]
    if isinstance(value, list) and value:
        return [line for part in value for line in _item(part)]
    return [json.dumps(value, ensure_ascii=False)]


def _key(key: str) -> str:
    plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _OTHER_MEANING
    return key if plain else json.dumps(key, ensure_ascii=False)


def _entry(key: str, part: Any) -> list[str]:
    lines = _lines(part)
    if isinstance(part, dict | list) and part:
        return [key, *(f"  {line}" for line in lines)]
    return [f"{key} {lines[0]}"]


def _item(part: Any) -> list[str]:
    first, *rest = _lines(part)
    return [f"- {first}", *(f"  {line}" for line in rest)]
