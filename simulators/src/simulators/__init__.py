"""The outside world: front office, counterparties, CSD, identity provider."""
