"""Repair: what could not be taken in, why, and what people did about it."""
