"""What was held, and the two people who decide on it."""
