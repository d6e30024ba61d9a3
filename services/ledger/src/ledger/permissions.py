"""Who may do what in the ledger."""

from backoffice_chassis import Permission, Role

READ_BOOKS = Permission("read-books", Role.FINANCE, Role.AUDITOR, Role.OPERATIONS)
MAINTAIN_ACCOUNTS = Permission("maintain-accounts", Role.FINANCE)
