"""The backoffice command: embedded stack, demo, controls, events."""
