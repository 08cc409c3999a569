"""What went wrong, in words for whoever typed the command: the problem, the cure, the exit code."""

import sys

import click

from shared.errors import CannotStart, ConfigError, ObservatoryError, Unauthorized
from shared.log.redaction import redact

_NO_SUCH_TABLE = {"42P01", "42703"}


class Failure(click.ClickException):
    """Ends a command with words on stderr: one line per problem, then the cure."""

    exit_code = 1

    def __init__(self, problems: list[str], cure: str | None = None) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.cure = cure

    def show(self, file: object = None) -> None:  # noqa: ARG002 (click's signature)
        for problem in self.problems:
            click.echo(f"{click.style('✗', fg='red')} {redact(problem)}", err=True)
        if self.cure:
            click.echo(f"  {redact(self.cure)}", err=True)


class Mistaken(Failure):
    """The configuration, or what was typed, has mistakes."""

    exit_code = 2


class NotStarted(Failure):
    """Something cannot start, or what has to run does not; the supervisor knows by this code that a retry is idle."""

    exit_code = 3


class Refused(Failure):
    """A credential was refused."""

    exit_code = 4


def failure_of(error: Exception) -> click.ClickException:
    """The failure an exception means; one we did not expect is called a defect and says how to see more."""
    if isinstance(error, ConfigError):
        return Mistaken([f"{path}: {text}" for path, text in error.mistakes])
    if isinstance(error, CannotStart):
        return NotStarted([error.problem], error.cure)
    if isinstance(error, Unauthorized):
        return Refused([str(error)])
    if isinstance(error, ObservatoryError):
        return Failure([str(error)])
    return _failure_of_database(error) or Failure(
        [f"this is a defect in observatory: {type(error).__name__}: {error}"],
        "Run it again with OBSERVATORY_DEBUG=1 to see where, and report that.",
    )


def _failure_of_database(error: Exception) -> Failure | None:
    # Loaded already if it raised this; to import it here would slow down every command.
    sqlalchemy = sys.modules.get("sqlalchemy.exc")
    if sqlalchemy is None or not isinstance(error, sqlalchemy.SQLAlchemyError):
        return None
    original = getattr(error, "orig", None)
    if getattr(original, "sqlstate", None) in _NO_SUCH_TABLE:
        return Failure(["the database's tables are missing or older than this version"], "Run `observatory migrate`.")
    if isinstance(error, sqlalchemy.OperationalError | sqlalchemy.InterfaceError | sqlalchemy.TimeoutError):
        first = str(original or error).strip().splitlines()[0]
        return NotStarted(
            [f"the database cannot be reached: {first}"],
            "Check that it runs and that DATABASE_URL is right; without one, `observatory up` starts a private one.",
        )
    return None
