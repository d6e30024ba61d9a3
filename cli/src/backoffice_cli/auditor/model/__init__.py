"""What must come of the inputs, worked out once more: small, pure, and sharing no code with the services."""
