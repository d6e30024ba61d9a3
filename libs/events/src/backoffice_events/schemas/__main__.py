"""`python -m backoffice_events.schemas write|check`: keep the committed schemas up to date and compatible."""

import argparse
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

from backoffice_events.schemas import generate
from backoffice_events.schemas.compatibility import breaks_between


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 when all is well, 1 when the contracts and the committed schemas disagree."""
    parser = argparse.ArgumentParser(prog="python -m backoffice_events.schemas", description=__doc__)
    parser.add_argument("action", choices=["write", "check"])
    parser.add_argument(
        "--folder", type=Path, default=generate.COMMITTED, help="where the schemas are committed"
    )
    parser.add_argument("--against", metavar="REVISION", help="compare with a git revision's schemas as well")
    options = parser.parse_args(arguments)
    current, committed = generate.all_schemas(), generate.read(options.folder)
    baselines = [committed] + ([_at(options.folder, options.against)] if options.against else [])
    breaks = [each for baseline in baselines for each in breaks_between(baseline, current)]
    if breaks:
        return _explain([str(each) for each in breaks])
    if options.action == "write":
        generate.write(options.folder, current)
        print(f"{len(current)} schemas written to {options.folder}")
        return 0
    return _report_stale(current, committed)


def _explain(breaks: list[str]) -> int:
    print("\n".join(breaks), file=sys.stderr)
    print(
        f"\n{len(breaks)} incompatible change(s). Old and new releases run side by side: give an optional field a\n"
        "default, or declare a new event type with the next major on a new topic.",
        file=sys.stderr,
    )
    return 1


def _report_stale(current: dict[str, generate.Schema], committed: dict[str, generate.Schema]) -> int:
    stale = sorted(name for name in current if current[name] != committed.get(name))
    if not stale:
        return 0
    names = "\n".join(stale)
    hint = "The change is compatible; run `python -m backoffice_events.schemas write` and commit."
    print(f"Out of date:\n{names}\n{hint}", file=sys.stderr)
    return 1


def _at(folder: Path, revision: str) -> dict[str, generate.Schema]:
    """Return the schemas as a git revision has them; none when it had no such folder.

    Ends the process when there is no such revision: nothing would have been compared.
    """
    known = _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if known.returncode:
        raise SystemExit(f"no revision {revision} here to compare with: fetch it, or name another")
    archive = _git(folder, "archive", revision, ".")
    if archive.returncode:
        return {}
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        files = {member.name.removeprefix("./"): tar.extractfile(member) for member in tar if member.isfile()}
        return {name: json.loads(file.read()) for name, file in files.items() if file is not None}


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 -- the revision is an argument, not a command
        ["git", *arguments],  # noqa: S607 -- a developer's git
        cwd=folder,
        capture_output=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
