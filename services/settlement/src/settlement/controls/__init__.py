"""Figures that others check settlement by: control totals and settlement efficiency."""
