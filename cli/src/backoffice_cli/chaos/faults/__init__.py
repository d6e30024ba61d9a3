"""The faults, a family a file. Each family lists its own in `FAULTS`."""
