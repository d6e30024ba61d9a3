from .approvals.domain import Approval
from .approvals.kinds import ApprovalKind
from .audit.trail import Audit, audits, reads_only
from .clock import Clock, SystemClock
from .http.paging import Page, PageRequest, Paging, fetch_page
from .http.problems import (
    FieldError,
    Problem,
    conflict,
    forbidden,
    invalid,
    not_found,
    precondition_failed,
)
from .http.routing import ReportRoute, Router, Unit, unit_of_work
from .http.versions import IfMatch, RequiredIfMatch, check_version, etag
from .measuring import MOST_ROWS, age_label, measuring
from .process import run
from .security.access import requires, scoped, shared
from .security.permissions import Permission
from .security.principal import Principal, Role
from .security.scope import Scope
from .service import PeriodicJob, Service
from .settings import ServiceSettings

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
    "ReportRoute",
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
