"""The API process: HTTP in, JSON out, the event stream, the documentation page."""
