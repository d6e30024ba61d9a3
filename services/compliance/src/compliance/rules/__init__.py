"""Dated rules that the checks stand on, changed by two people."""
