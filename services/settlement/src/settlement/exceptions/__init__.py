"""The work queue: what a person has to look at, opened and closed by the state of the settlement."""
