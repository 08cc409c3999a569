"""The configuration: a TOML file and the environment, every mistake in one report."""
