"""Secrets that the environment names, or that lie in files."""

import os
from pathlib import Path

from backoffice_cli.stack.errors import StackError


def secret(name: str) -> str | None:
    """Return the variable's value, else what the file of its name (lower case) in BACKOFFICE_SECRETS_DIR holds.

    None when there is neither. Raises StackError when the file cannot be read.
    """
    if value := os.environ.get(name):
        return value
    if not (folder := os.environ.get("BACKOFFICE_SECRETS_DIR")):
        return None
    path = Path(folder) / name.lower()
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StackError(
            f"{path} cannot be read: {error.strerror}.", "Let this process's user read it."
        ) from error
