"""The append-only history of every settlement, with the messages exchanged."""
