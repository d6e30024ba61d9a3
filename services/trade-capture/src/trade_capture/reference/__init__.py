"""Reference data: what the firm trades, with whom, for which book, and when and where it settles."""
