"""A local OpenID Connect issuer for development and tests: client credentials only, every caller known by a file."""
