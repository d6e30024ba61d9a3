"""The checks on a trade, and the decision that follows from them."""
