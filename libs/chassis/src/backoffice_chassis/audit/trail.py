"""What an endpoint that changes something records: `audit: Annotated[Audit, audits("account")]`.

Every route that changes something says so with `audits(...)`, or the application can't be built; and when such a
request succeeds without a record, nothing of it comes to be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from backoffice_chassis.audit.canonical import plain
from backoffice_chassis.audit.entries import entry_document, leaf_data
from backoffice_chassis.audit.keys import ENTRY, Signer
from backoffice_chassis.audit.tables import audit_entry, audit_unsealed
from backoffice_chassis.resources import resources_of
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork, bulk
from backoffice_events.messaging.failures import clean

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that change something unless the route says that it reads only."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who acts through which application, from where, by which operation of which service."""

    service: str
    subject: str
    client: str | None
    address: str | None
    action: str


class Audit:
    """Records what one request does. object_type: what kind of thing it does it to."""

    def __init__(self, origin: Origin, object_type: str, signer: Signer) -> None:
        self._origin = origin
        self._object_type = object_type
        self._signer = signer
        self._answered_for = False

    @property
    def answered_for(self) -> bool:
        """Return whether something was recorded, or said not to have changed."""
        return self._answered_for

    async def record(
        self, unit: UnitOfWork, object_id: str | None, *, before: Any = None, after: Any = None
    ) -> None:
        """Record a change in the transaction that makes it.

        before, after: the object's fields, or those that matter: a row, struct, model or mapping. What is personal is
        masked by the names of its fields.
        """
        self._answered_for = True
        row = self._row(unit, object_id, before, after)
        data = leaf_data(entry_document(self._origin.service, row))
        signed = {"public_key": self._signer.public_key, "signature": self._signer.sign(ENTRY, data)}
        await bulk.insert(unit.connection, audit_entry, [{**row, **signed}])
        await bulk.insert(unit.connection, audit_unsealed, [{"entry_id": row["entry_id"]}])

    def nothing_changed(self) -> None:
        """Say that the request left everything as it was, such as a dry run."""
        self._answered_for = True

    def _row(self, unit: UnitOfWork, object_id: str | None, before: Any, after: Any) -> dict[str, Any]:
        return {
            "entry_id": new_id(),
            "recorded_at": unit.now,
            "subject": self._origin.subject,
            "client": self._origin.client,
            "address": self._origin.address,
            "action": self._origin.action,
            "object_type": self._object_type,
            "object_id": None if object_id is None else clean(object_id),
            "before": self._document(before),
            "after": self._document(after),
        }

    def _document(self, fields: Any) -> Any:
        return self._signer.masks.apply(plain(fields))


class Audited:
    """The dependency by which a route declares what it changes."""

    def __init__(self, object_type: str) -> None:
        self.object_type = object_type

    async def __call__(self, request: Request) -> Audit:
        """Return the request's recorder."""
        resources = resources_of(request)
        principal = request.state.principal
        origin = Origin(
            service=resources.service,
            subject=principal.subject,
            client=principal.client,
            address=request.client.host if request.client else None,
            action=request.scope["route"].name,
        )
        request.state.audit = Audit(origin, self.object_type, resources.signer)
        audit: Audit = request.state.audit
        return audit


class ReadsOnly:
    """The dependency by which a route with a method that usually changes something says that it does not."""

    async def __call__(self) -> None:
        """Do nothing."""


def audits(object_type: str) -> Any:
    """Return the dependency that hands the endpoint its recorder. The action is the endpoint's name."""
    return Depends(Audited(object_type))


reads_only = Depends(ReadsOnly())
"""For a route that reads by POST: `dependencies=[reads_only]`."""


def declared(dependant: Dependant) -> Iterator[Audited | ReadsOnly]:
    """Yield what a route declares about the changes it makes."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Audited | ReadsOnly):
            yield dependency.call
        yield from declared(dependency)


def check_declaration(path: str, methods: set[str], dependant: Dependant) -> None:
    """Raise TypeError for a route that changes something and does not say what it records of it."""
    if methods & CHANGING and not any(declared(dependant)):
        raise TypeError(
            f"{path} says not what it records: add `audits(...)` to the endpoint, or `reads_only`"
        )


def check_recorded(request: Request) -> None:
    """Raise when a request that changes something was answered without a record: that is a defect of ours."""
    audit: Audit | None = getattr(request.state, "audit", None)
    if audit is not None and not audit.answered_for:
        raise RuntimeError(f"{request.scope['route'].name} recorded nothing in the audit log")
