"""The person or system that calls, and the jobs they hold."""

from dataclasses import dataclass
from enum import StrEnum

from backoffice_chassis.security.scope import WHOLE_FIRM, Scope


class Role(StrEnum):
    """A job in the firm, as the token's `roles` claim names it."""

    FRONT_OFFICE = "front-office"
    OPERATIONS = "operations"
    FINANCE = "finance"
    COMPLIANCE_OFFICER = "compliance-officer"
    HR = "hr"
    AUDITOR = "auditor"
    SRE = "sre"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. subject: the person (the token's `sub`): two tokens of one person are one principal, which is
    what maker ≠ checker compares. roles: the jobs that the issuer vouches for. client: the application that the token
    was issued to. scope: what the token is limited to.
    """

    subject: str
    roles: frozenset[Role]
    client: str | None = None
    scope: Scope = WHOLE_FIRM
