"""Who may ask: credentials become callers, callers belong to tenants and access groups."""
