"""Holds a run against what must be true, from the outsiders' records, the topics and the databases as they are.

Apart from the reconciliation, which asks the services: the auditor asks nobody. README.md says what it covers.
"""

from backoffice_cli.auditor.report import AuditReport
from backoffice_cli.auditor.run import audit, begin

__all__ = ["AuditReport", "audit", "begin"]
