"""Instructs and follows settlement at the CSD."""
