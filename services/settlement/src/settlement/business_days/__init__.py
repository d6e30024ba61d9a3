"""The firm's business days: what was to settle by the end of one and did not is failing."""
