"""One file a revision; none imports models."""
