"""Services run with single methods of the messaging library replaced: crash points, and faults on purpose.

The replacements live here and nowhere else: neither the libraries nor the services know of them.
"""
