"""Who works at the firm, since when, and what they are licensed to trade."""
