"""Who may do what in trade capture."""

from backoffice_chassis import Permission, Role

SUBMIT_TRADES = Permission("submit-trades", Role.FRONT_OFFICE, Role.OPERATIONS)
READ_TRADES = Permission("read-trades", *Role)
READ_REPAIRS = Permission("read-repairs", Role.OPERATIONS, Role.AUDITOR, Role.SRE, Role.FRONT_OFFICE)
"""A front-office application sees what it sent itself."""
READ_ALL_REPAIRS = Permission("read-all-repairs", Role.OPERATIONS, Role.AUDITOR, Role.SRE)
"""Whoever sent them."""
WORK_REPAIRS = Permission("work-repairs", Role.OPERATIONS)
READ_REFERENCE_DATA = Permission("read-reference-data", *Role)
MAINTAIN_REFERENCE_DATA = Permission("maintain-reference-data", Role.OPERATIONS)
DECIDE_PROPOSALS = Permission("decide-proposals", Role.OPERATIONS)
READ_BUSINESS_DAYS = Permission("read-business-days", *Role)
KEEP_BUSINESS_DAYS = Permission("keep-business-days", Role.OPERATIONS)
READ_CONFIRMATIONS = Permission("read-confirmations", *Role)
WORK_CONFIRMATIONS = Permission("work-confirmations", Role.OPERATIONS)
