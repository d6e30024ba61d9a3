"""JSON Schemas of the event contracts: how they are made, committed and kept compatible."""
