"""A central securities depository: matches, settles on the business date, and misbehaves as often as it is told to.

It speaks through its own two topics alone (ISO 20022 documents) and learns the business date from the public ones.
"""
