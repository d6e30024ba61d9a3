"""Decides which trades may go on."""
