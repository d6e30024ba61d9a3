"""The services' audit logs as an auditor checks them: by their APIs, their public keys and what was seen before."""
