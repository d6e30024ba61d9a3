"""Employees and what they are licensed for."""
