"""Captures, validates and confirms trades; owns the reference data."""
