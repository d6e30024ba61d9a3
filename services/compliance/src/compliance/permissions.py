"""Who may do what in compliance."""

from backoffice_chassis import Permission, Role

READ_CASES = Permission("read-cases", Role.COMPLIANCE_OFFICER, Role.AUDITOR, Role.OPERATIONS)
WORK_CASES = Permission("work-cases", Role.COMPLIANCE_OFFICER)
READ_SCREENING = Permission("read-screening", Role.COMPLIANCE_OFFICER, Role.AUDITOR, Role.OPERATIONS)
WORK_SCREENING = Permission("work-screening", Role.COMPLIANCE_OFFICER)
READ_DECISIONS = Permission("read-decisions", Role.COMPLIANCE_OFFICER, Role.AUDITOR, Role.OPERATIONS)
READ_RULES = Permission("read-rules", Role.COMPLIANCE_OFFICER, Role.AUDITOR, Role.OPERATIONS)
CHANGE_RULES = Permission("change-rules", Role.COMPLIANCE_OFFICER)
