"""Who is calling, and may they: OIDC bearer tokens and roles named after jobs."""
