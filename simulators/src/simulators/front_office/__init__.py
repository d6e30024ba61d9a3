"""A front office that replays a real tape as its own trades, with as many mishaps as it is told to have."""
