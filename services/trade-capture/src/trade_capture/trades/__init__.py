"""Trades: taken in from front offices, validated, enriched, amended and cancelled."""
