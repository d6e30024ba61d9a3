"""Who may do what in HR."""

from backoffice_chassis import Permission, Role

READ_EMPLOYEES = Permission("read-employees", Role.HR, Role.OPERATIONS, Role.COMPLIANCE_OFFICER, Role.AUDITOR)
READ_PERSONAL_DATA = Permission("read-personal-data", Role.HR)
"""What is nobody else's business: names."""
MAINTAIN_EMPLOYEES = Permission("maintain-employees", Role.HR)
ERASE_PERSONS = Permission("erase-persons", Role.HR)
