"""Personal and bank data at rest: each field encrypted, by a data key that a key of the operator's wraps."""
