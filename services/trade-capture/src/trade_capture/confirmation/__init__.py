"""Confirmation: what counterparties state, matched field by field with what was captured."""
