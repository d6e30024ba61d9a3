"""The audit log: who did what, when, from where; append-only, in a Merkle tree whose heads are signed."""
