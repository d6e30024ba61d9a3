"""Compares the front office's record with what each service says of the same trades."""
