"""Measures the whole road: from a front office's trade to the journal of its settlement."""
