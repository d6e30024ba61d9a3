"""Chaos: trades under seeded faults, healed, settled and audited; the same seed makes the same plan."""
