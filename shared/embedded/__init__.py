"""A private PostgreSQL: its binaries, its account, its folder, its process."""
