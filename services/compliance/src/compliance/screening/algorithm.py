"""The version of the screening algorithm: a new one has every counterparty screened again."""

ALGORITHM = "5"
