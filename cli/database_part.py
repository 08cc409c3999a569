"""The private Postgres as a part of the stack."""

from shared.embedded.server import Server


class Database:
    """Kept like any other part; it says nothing on the terminal, its words are in its own log."""

    name = "postgres"
    stop_seconds = 1.5

    def __init__(self, server: Server) -> None:
        self._server = server

    def launch(self) -> None:
        """Starts the server without waiting until it is ready."""
        self._server.launch()

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._server.exit_code()

    def output(self) -> None:
        """Nothing to pass on."""

    def close_output(self) -> None:
        """Nothing to close."""

    def ask_to_end(self) -> None:
        """A fast shutdown."""
        self._server.ask_to_stop()

    def kill(self) -> None:
        """An immediate shutdown (the next start recovers), and its lock is given back."""
        self._server.stop(seconds=0)

    def tick(self) -> None:
        """Keeps its log within bounds."""
        self._server.trim_log()
