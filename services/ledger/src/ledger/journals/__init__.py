"""Journals: posting rules, the books of each trade, and the journal as it is read."""
