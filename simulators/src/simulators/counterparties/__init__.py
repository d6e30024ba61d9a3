"""The firms on the other side: they confirm what was dealt, mostly in time, mostly right."""
