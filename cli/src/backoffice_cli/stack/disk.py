"""A small disk of its own for a folder, in memory, so that it can be full without anything else being so."""

import os
import subprocess
from pathlib import Path

from backoffice_cli.stack.errors import StackError


def mount(folder: Path, megabytes: int) -> None:
    """Put a disk of that size on a folder, once. Raises StackError where that is not allowed."""
    if folder.is_mount():
        return
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=711"
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],  # noqa: S607  wherever the system has it
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"No disk of its own can be put on {folder}.", "That takes root and a system that lets it mount."
        ) from error


def unmount(folder: Path) -> None:
    """Take the disk away, with what lies on it."""
    if folder.is_mount():
        subprocess.run(["umount", folder], check=True)  # noqa: S607  wherever the system has it


def may_mount() -> bool:
    """Say whether this process may put disks on folders, as far as can be told without doing it."""
    return os.geteuid() == 0
