"""Settlement instructions: what the firm asked of the CSD and what the CSD made of it."""
