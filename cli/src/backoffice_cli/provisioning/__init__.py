"""What servers are prepared with before the platform runs on them."""
