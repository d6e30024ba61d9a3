"""Loads records into a running platform, through its public APIs: those of a file, or those that ship.

Of what ships, instruments, prices, counterparties and holidays are real (`data/README.md` names their sources).
Settlement instructions, books and employees are made up here, the same each time, and look like it.
"""
