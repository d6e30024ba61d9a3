"""`python -m backoffice_cli.chaos.sabotage MODULE ARGS…`: run a module like `python -m MODULE ARGS…`, sabotaged.

BACKOFFICE_SABOTAGE names what is done to it, by commas: `crash:POINT:N` (see crash_points.py), `break:VARIANT` (see
broken.py) or `clock:FILE` (see clock.py). BACKOFFICE_SABOTAGE_ONCE names the file by which a crash happens only once.
Without a sabotage, or with an unknown one, the process ends with code 2.
"""

import os
import runpy
import sys
from pathlib import Path

from backoffice_cli.chaos.sabotage import broken, clock, crash_points
from backoffice_cli.chaos.sabotage.patching import SabotageError

WHAT = "BACKOFFICE_SABOTAGE"
ONCE = "BACKOFFICE_SABOTAGE_ONCE"


def commit(sabotage: str, once: Path | None) -> None:
    """Do all that the text names. Raises SabotageError for what is unknown or has no target any more."""
    parts = [part for part in sabotage.split(",") if part]
    if not parts:
        raise SabotageError(f"{WHAT} names nothing")
    for part in parts:
        match part.split(":"):
            case ["crash", point, number] if point in crash_points.CRASH_POINTS and number.isdecimal():
                crash_points.install(point, int(number), once)
            case ["clock", file]:
                clock.install(Path(file))
            case ["break", variant] if variant in broken.BROKEN:
                broken.BROKEN[variant]()
            case _:
                raise SabotageError(
                    f"unknown sabotage {part}: crash:POINT:N with one of {', '.join(crash_points.CRASH_POINTS)}, "
                    f"or break:VARIANT with one of {', '.join(broken.BROKEN)}"
                )


def main() -> None:
    """Commit the sabotage, then become the module."""
    once = os.environ.get(ONCE)
    try:
        commit(os.environ.get(WHAT, ""), Path(once) if once else None)
    except SabotageError as error:
        sys.stderr.write(f"sabotage: {error}\n")
        raise SystemExit(2) from None
    if len(sys.argv) < 2:
        sys.stderr.write(f"{__doc__}\n")
        raise SystemExit(2)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
