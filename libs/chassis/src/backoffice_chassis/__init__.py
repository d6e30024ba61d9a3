"""What every service of the back office stands on."""

from backoffice_chassis.approvals.domain import Approval
from backoffice_chassis.approvals.kinds import ApprovalKind
from backoffice_chassis.audit.trail import Audit, audits, reads_only
from backoffice_chassis.clock import Clock, SystemClock
from backoffice_chassis.http.paging import Page, PageRequest, Paging, fetch_page
from backoffice_chassis.http.problems import (
    FieldError,
    Problem,
    conflict,
    forbidden,
    invalid,
    not_found,
    precondition_failed,
)
from backoffice_chassis.http.routing import Router, Unit, unit_of_work
from backoffice_chassis.http.versions import IfMatch, RequiredIfMatch, check_version, etag
from backoffice_chassis.measuring import MOST_ROWS, age_label, measuring
from backoffice_chassis.process import run
from backoffice_chassis.security.access import requires, scoped, shared
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal, Role
from backoffice_chassis.security.scope import Scope
from backoffice_chassis.service import PeriodicJob, Service
from backoffice_chassis.settings import ServiceSettings

__all__ = [
    "MOST_ROWS",
    "Approval",
    "ApprovalKind",
    "Audit",
    "Clock",
    "FieldError",
    "IfMatch",
    "Page",
    "PageRequest",
    "Paging",
    "PeriodicJob",
    "Permission",
    "Principal",
    "Problem",
    "RequiredIfMatch",
    "Role",
    "Router",
    "Scope",
    "Service",
    "ServiceSettings",
    "SystemClock",
    "Unit",
    "age_label",
    "audits",
    "check_version",
    "conflict",
    "etag",
    "fetch_page",
    "forbidden",
    "invalid",
    "measuring",
    "not_found",
    "precondition_failed",
    "reads_only",
    "requires",
    "run",
    "scoped",
    "shared",
    "unit_of_work",
]
