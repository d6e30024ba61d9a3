"""Who may do what in settlement."""

from backoffice_chassis import Permission, Role

READ_SETTLEMENTS = Permission("read-settlements", Role.OPERATIONS, Role.AUDITOR, Role.FINANCE, Role.SRE)
READ_EXCEPTIONS = Permission("read-exceptions", Role.OPERATIONS, Role.AUDITOR, Role.FINANCE, Role.SRE)
WORK_EXCEPTIONS = Permission("work-exceptions", Role.OPERATIONS)
