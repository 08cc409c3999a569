"""`observatory`: the commands by name; each one's code is loaded only when it is called."""

import os
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

import click
from click.exceptions import Exit

from cli.failures import failure_of
from cli.style import Command, Group

COMMANDS = {
    "up": ("cli.start:up", "Run everything: database, scheduler and API, until Ctrl-C."),
    "demo": ("cli.start:demo", "The same against a simulated CI system, in a folder of its own."),
    "status": ("cli.status:status", "What is watched, how fresh that is, what runs and what failed."),
    "builds": ("cli.builds:builds", "The newest builds, found by words and filters."),
    "incidents": ("cli.incidents:incidents", "What is broken now, the longest first."),
    "why-alerted": ("cli.why_alerted:why_alerted", "Who was told of an event, who was not, and why."),
    "alerts": ("cli.alerts:alerts", "What was sent; a test message; what other rules would have sent."),
    "silence": ("cli.silences:silence", "Have nobody told of something for a while; list, end."),
    "doctor": ("cli.doctor:doctor", "Check everything that has to work, each problem with its cure."),
    "config": ("cli.reload:config", "Check the configuration, or have what runs take it."),
    "source": ("cli.source:source", "List what is watched, add to it, ask for a poll."),
    "backfill": ("cli.backfill:backfill", "Collect the past of a source, newest first, on spare budget."),
    "reconcile": ("cli.reconcile:reconcile", "Who told of changes first: webhooks, or only polls; and how late."),
    "metrics": ("cli.metrics:metrics", "Check the kept figures against the builds, or make them anew."),
    "webhooks": ("cli.webhooks:webhooks", "Show what to enter at the providers; send a signed test."),
    "observe": ("cli.observe:observe", "Show how we read what a provider said, without asking it anything."),
    "key": ("cli.key:key", "Create, list and revoke keys for the API."),
    "api": ("cli.start:api", "Run the API alone, for a process manager of your own."),
    "scheduler": ("cli.start:scheduler", "Run the scheduler alone, for a process manager of your own."),
    "migrate": ("cli.start:migrate", "Bring the database's tables to this version."),
}

EPILOG = (
    "Exit codes: 0 done; 1 it failed; 2 wrong usage or mistakes in the configuration; 3 it cannot start, or what it "
    "needs does not run; 4 a credential was refused; 130 interrupted. NO_COLOR turns colours off."
)


class LazyGroup(Group):
    """Knows its commands by name and one line; loads the code of the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return Command(cmd_name, short_help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and (near := get_close_matches(args[0], COMMANDS, n=1)):
            ctx.fail(f"No such command {args[0]!r}; did you mean {near[0]!r}?")
        name, stub, rest = super().resolve_command(ctx, args)
        if name is None or stub is None:
            return name, stub, rest
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> object:
        """The edge of every command: what went wrong reaches the user as words and an exit code."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted.", err=True)
            raise Exit(130) from None
        except (click.ClickException, Exit, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("OBSERVATORY_DEBUG"):
                raise
            raise failure_of(error) from error


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="OBSERVATORY_CONFIG",
    help="The configuration file; by default config.toml in the current folder, if there is one.",
)
@click.version_option(package_name="build-observatory", message="%(prog)s %(version)s")
@click.pass_context
def observatory(ctx: click.Context, config_path: Path | None) -> None:
    """Every build of every CI system in one place: what runs, what broke, since when.

    Start with `observatory up`, or see it without any set-up: `observatory demo`.
    """
    ctx.obj = config_path


def main() -> None:
    """The entry point of the installed command and of `python -m cli.main`."""
    observatory(prog_name="observatory")


if __name__ == "__main__":
    main()
