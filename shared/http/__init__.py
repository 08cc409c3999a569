"""The one hardened HTTP client: credentials, deadlines, limits, refusals. The only importer of httpx."""
