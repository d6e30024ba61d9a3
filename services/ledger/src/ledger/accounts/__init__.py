"""The chart of accounts: which accounts there are, whether they take postings, and what stands on them."""
