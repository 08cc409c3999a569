"""Where and in which order the tests run, and what is said of them meanwhile: loaded by pyproject.toml."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

KILLING = ("tests/chaos/", "tests/test_crashes.py")


class FailuresAtOnce:
    """Shows a failure when it happens and not only in the summary, half a run later."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and reporter is not None:
            reporter.write_line(f"\n{report.nodeid} failed in its {report.when}:", red=True)
            reporter.write_line(report.longreprtext)


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist is not typed
    """A file's tests run in one worker, and in one all that kill processes: side by side they starve each other."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "killing" if file.startswith(KILLING) else file


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first whose tests may take long: begun last, such a one would run on alone at the end."""
    allowed: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        limit = item.get_closest_marker("timeout")
        allowed[item.path] = max(allowed[item.path], limit.args[0] if limit else 0)
    items.sort(key=lambda item: -allowed[item.path])


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(FailuresAtOnce(config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None
