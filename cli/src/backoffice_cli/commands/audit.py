"""`backoffice audit`: who changed what, and whether the record of it is whole."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from backoffice_chassis.audit import verification
from backoffice_chassis.audit.keys import Signer
from backoffice_chassis.audit.verification import Finding
from backoffice_cli.audit.check import Checked, check
from backoffice_cli.audit.memory import recall, remember
from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.owners import Owners, Service, Since, iso
from backoffice_cli.commands.tables import show_entries, words
from backoffice_cli.console import Exit, console, failures, print_json
from backoffice_cli.platform import Platform
from backoffice_cli.stack.plan import read_plan

app = typer.Typer(
    help="""Who changed what, and whether the record of it is whole.

    Example: `backoffice audit verify`
    """,
    no_args_is_help=True,
)

Trust = Annotated[
    list[str] | None,
    typer.Option("--trust-key", help="Public key that a service signs with, in hex; besides those known."),
]
Memory = Annotated[
    Path | None,
    typer.Option(
        "--memory", help="Folder of the heads seen so far; `audit` in the state folder when left out."
    ),
]


@app.command("list")
def list_(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    service: Service = None,
    subject: Annotated[str | None, typer.Option(help="Only what this person did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this operation, such as close_account.")] = None,
    object_type: Annotated[str | None, typer.Option("--type", help="Only this kind of thing.")] = None,
    object_id: Annotated[str | None, typer.Option("--id", help="Only what was done to this one.")] = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this time.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what people changed: who, what, when, from where, with what before and after.

    Example: `backoffice audit list --service ledger --action close_account --since 1d`
    """
    filters = {
        "subject": subject,
        "action": action,
        "object_type": object_type,
        "object_id": object_id,
        "at_from": iso(since),
        "at_to": iso(until),
    }
    with failures():
        owners = Owners(Platform.running(state.resolve()), service, "auditor")
        found = list(owners.listed("/audit/entries", **filters))
    if as_json:
        print_json(found)
    else:
        show_entries((_heading(one["entry"]), _detail(one["entry"])) for one in found)


@app.command("proof")
def proof(
    state: StateFolder,
    entry_id: Annotated[str, typer.Argument(help="Id of the entry.")],
    service: Service = None,
    trust_key: Trust = None,
    memory: Memory = None,
) -> None:
    """Print the proof that an entry is in the signed tree, after checking it.

    Exit code 1 when there is no such entry, when it is not sealed yet, or when the proof does not hold.

    Example: `backoffice audit proof 01900000-0000-7000-8000-000000000001 --service ledger`
    """
    with failures():
        platform = Platform.running(state.resolve())
        owners = Owners(platform, service, "auditor")
        path, what = f"/audit/entries/{entry_id}/proof", f"an audit entry {entry_id}"
        found = owners.found(path, what, listing="backoffice audit list")
        trusted = _trusted(platform, found["service"], trust_key, _folder(platform, memory))
    findings = verification.check_inclusion(found, trusted)
    print_json({**found, "holds": not findings, "findings": [asdict(each) for each in findings]})
    if findings:
        raise typer.Exit(Exit.FAILED)


@app.command("verify")
def verify(
    state: StateFolder,
    service: Service = None,
    trust_key: Trust = None,
    memory: Memory = None,
    as_json: AsJson = False,
) -> None:
    """Check that every entry is what was recorded, that none is missing or slipped in, and that the tree only grew.

    Reads each service's whole log over HTTP as an auditor: signatures, tree, and the head seen last time. Exit code 1
    when something does not hold; each finding names the entry.

    Example: `backoffice audit verify --service ledger`
    """
    with failures():
        platform = Platform.running(state.resolve())
        folder = _folder(platform, memory)
        checks = [_checked(platform, name, trust_key, folder) for name in Owners(platform, service).names]
    if as_json:
        print_json([_document(each) for each in checks])
    else:
        for each in checks:
            _show(each)
    if any(each.findings for each in checks):
        raise typer.Exit(Exit.FAILED)


def _checked(platform: Platform, service: str, trust_key: list[str] | None, folder: Path) -> Checked:
    trusted = _trusted(platform, service, trust_key, folder)
    with platform.client(service, "auditor") as client:
        done = check(client, service, recall(folder, service), trusted)
    if not done.findings:
        remember(folder, service, done.seen)
    return done


def _trusted(platform: Platform, service: str, trust_key: list[str] | None, folder: Path) -> frozenset[str]:
    """Return the keys that a service may have signed with: the embedded stack's, those seen before, those named."""
    plan, seen = read_plan(platform.folder), recall(folder, service)
    own = {Signer(plan.audit_keys[service.replace("-", "_")]).public_key} if plan else set()
    return frozenset({*own, *seen.keys, *(trust_key or ())})


def _folder(platform: Platform, memory: Path | None) -> Path:
    return memory or platform.folder / "audit"


def _heading(entry: dict[str, Any]) -> str:
    what = (entry["action"], entry["object_type"], entry["object_id"])
    return words(entry["recorded_at"], entry["service"], entry["subject"], *what)


def _detail(entry: dict[str, Any]) -> str:
    where = f"{entry['entry_id']} from {entry['address']} by {entry['client']}"
    return f"{where}: {entry['before']} -> {entry['after']}"


def _document(done: Checked) -> dict[str, Any]:
    findings = [asdict(each) for each in done.findings]
    return {
        "service": done.service,
        "holds": not findings,
        "tree_size": done.tree_size,
        "unsealed": done.unsealed,
        "findings": findings,
    }


def _show(done: Checked) -> None:
    verdict = "does NOT hold" if done.findings else "holds"
    waiting = f", {done.unsealed} to be sealed" if done.unsealed else ""
    console.print(f"{done.service}: {verdict}: {done.tree_size} entries sealed{waiting}", highlight=False)
    for each in done.findings:
        console.print(f"  {_told(each)}", markup=False, highlight=False, soft_wrap=True)


def _told(finding: Finding) -> str:
    place = None if finding.leaf_index is None else f"leaf {finding.leaf_index}"
    return f"{words(finding.kind, finding.entry_id, place)}: {finding.detail}"
