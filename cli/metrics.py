"""`observatory metrics`: whether the figures that are kept are right, and making them anew."""

import time

import click
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.failures import Failure
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import REMARK, is_terminal, print_json, print_rows
from shared import catalog
from shared.metrics import drift
from shared.metrics.fold import alone
from shared.metrics.rebuild import rebuild as rebuild_all
from shared.metrics.recount import recount
from shared.metrics.verify import Verification
from shared.metrics.verify import verify as verify_all


@click.group(cls=Group)
def metrics() -> None:
    """Check the figures that are kept against the builds, or make them anew.

    Both work while everything runs: recording and reading go on, adding up waits until they are done.
    """


@metrics.command(cls=Command)
@json_option
@config_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Count every build anew and compare: exit code 1 if a figure is wrong.

    A minute or so for ten million builds. What differs is told by pipeline, project, repository or instance.
    """
    with open_engine(load_own(config_path(ctx))) as engine, alone(engine) as session:
        found = verify_all(session, _Progress())
        wrong = drift.told(session, found)
    if as_json:
        print_json(drift.as_row(found, wrong))
    else:
        print_rows("metrics", ("checked", "compared", "wrong", REMARK), _lines(found))
        if wrong:
            print_rows("wrong", ("of", REMARK), [(each.subject, each.words) for each in wrong])
    if not found.is_right:
        raise Failure(["kept figures differ from the builds"], "`observatory metrics rebuild` makes them anew.")


def _lines(found: Verification) -> list[tuple[str, ...]]:
    waiting = "pipelines; the scheduler counts them" if found.counting else ""
    return [
        ("cells", str(found.cells), str(found.differences), f"against {found.builds} builds and their attempts"),
        ("flaky builds", str(found.flakes), str(found.wrong_flakes), ""),
        ("not counted yet", str(found.counting), "-", waiting),
    ]


@metrics.command(cls=Command)
@click.option("--pipeline", "pipeline_id", type=int, metavar="ID", help="Count only this pipeline anew.")
@config_option
@click.pass_context
def rebuild(ctx: click.Context, pipeline_id: int | None) -> None:
    """Forget the figures and count every build, in one step: until it is done, answers show the old ones.

    Some minutes for ten million builds. `--pipeline` moves the sums it is part of by as much as its own figures change.
    """
    began = time.monotonic()
    with open_engine(load_own(config_path(ctx))) as engine, alone(engine) as session:
        if pipeline_id is None:
            rebuild_all(session, _Progress())
        else:
            _known(session, pipeline_id)
            recount(session, [pipeline_id])
    what = "all pipelines" if pipeline_id is None else f"pipeline {pipeline_id}"
    click.echo(f"counted {what} anew in {time.monotonic() - began:.1f} s")


def _known(session: Session, pipeline_id: int) -> None:
    if catalog.plain_pipeline(session, pipeline_id) is None:
        raise Failure(
            [f"there is no pipeline {pipeline_id}"], "`observatory metrics verify` names the wrong ones by id."
        )


class _Progress:
    """Tells a person how far it is, on one line of stderr."""

    def __call__(self, what: str, done: int, total: int) -> None:
        if is_terminal():
            share = done / total if total else 1.0
            click.echo(f"\r{what}: {share:.0%} ", nl=done == total, err=True)
