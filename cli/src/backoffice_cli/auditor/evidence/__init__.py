"""What an audit stands on: the outsiders' own records, the topics, and the rows of each service, read as they are."""

from backoffice_cli.auditor.evidence.gather import Evidence, gather

__all__ = ["Evidence", "gather"]
