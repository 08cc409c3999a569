"""What `observatory up` and `observatory demo` tell the person who started them (pure text)."""

from pathlib import Path

from cli.plan import Plan
from cli.probe import url_of


def welcome(plan: Plan, *, is_ready: bool, seconds: float) -> list[str]:
    """Where everything is, once it runs."""
    url = url_of(plan.host, plan.port)
    name = "Build Observatory's demo" if plan.simulator_port is not None else "Build Observatory"
    state = f"is running ({seconds:.1f} s)" if is_ready else f"has started, but {url}/readyz is not content yet"
    rows = [
        ("dashboard", f"{url}/"),
        ("builds", f"{url}/api/builds"),
        ("API docs", f"{url}/api/docs"),
        ("stream", f"{url_of(plan.host, plan.port, 'ws')}/ws"),
        ("health", f"{url}/readyz"),
        ("config", plan.config),
        *_database(plan),
    ]
    width = max(len(label) for label, _ in rows)
    return [
        "",
        f"  {name} {state}",
        "",
        *(f"    {label:<{width}}   {value}" for label, value in rows),
        "",
        "  Ctrl-C stops everything in order, a second one at once.",
        "",
    ]


def farewell(code: int) -> str:
    """The last line."""
    return "stopped" if code == 0 else f"stopped, because it could not start (exit code {code})"


def _database(plan: Plan) -> list[tuple[str, str]]:
    if plan.data_folder is None:
        return [("database", "yours, by DATABASE_URL"), ("logs", "on this terminal")]
    kept = " (removed at the end)" if plan.temporary else ""
    log = Path(plan.data_folder) / "postgres.log"
    return [
        ("database", f"a private PostgreSQL in {plan.data_folder}{kept}"),
        ("logs", f"on this terminal; the database's in {log}"),
    ]
