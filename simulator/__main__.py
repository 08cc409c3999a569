"""`python -m simulator`: one process with every fake; prints its addresses as one line of JSON and runs until told."""

import argparse
import os
import select
import signal
import sys
from datetime import datetime

import orjson

from simulator.profiles import PROFILES
from simulator.server import Simulator
from simulator.slack import Message

LOOKS_FOR_PARENT_SECONDS = 0.25


def main() -> int:
    """Run until SIGTERM, SIGINT, or the end of the parent process."""
    woken, wake = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(wake, b"."))
    parent = os.getppid()
    try:
        options = _parse(sys.argv[1:])
        simulator = _make(options)
    except OSError as error:
        sys.stderr.write(f"cannot listen: {error}; another --port, or 0 for a free one, would do\n")
        return 1
    if options.tell_messages:
        simulator.slack.on_message = _tell
    simulator.start()
    sys.stdout.write(orjson.dumps(simulator.urls()).decode() + "\n")
    sys.stdout.flush()
    while os.getppid() == parent and not select.select([woken], [], [], LOOKS_FOR_PARENT_SECONDS)[0]:
        pass
    simulator.close()
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same world")
    parser.add_argument("--profile", choices=PROFILES, default="varied", help="which kind of world")
    parser.add_argument("--port", type=int, default=0, help="of the GitHub API; 0 takes a free one")
    parser.add_argument("--gitlab-port", type=int, default=0, help="of the GitLab; 0 takes a free one")
    parser.add_argument("--jenkins-port", type=int, default=0, help="of the Jenkins; 0 takes a free one")
    parser.add_argument("--slack-port", type=int, default=0, help="of Slack; 0 takes a free one")
    parser.add_argument("--now", type=_instant, default=None, help="where the clock starts; default: the real time")
    parser.add_argument("--epoch", type=_instant, default=None, help="what the world's times are counted from")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds a real second; 60 is a minute")
    parser.add_argument("--runs", type=int, default=300, help="how many runs a drill has")
    parser.add_argument("--seconds", type=float, default=60.0, help="within how many seconds a drill creates them")
    parser.add_argument("--tell-messages", action="store_true", help="print what Slack takes, one JSON object a line")
    return parser.parse_args(arguments)


def _tell(message: Message) -> None:
    """In one write, so that messages taken at the same time stay lines of their own."""
    sys.stdout.write(orjson.dumps({"message": message.text}).decode() + "\n")
    sys.stdout.flush()


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} should say its zone, like 2026-01-31T12:00:00Z")
    return instant


def _make(options: argparse.Namespace) -> Simulator:
    return Simulator(
        seed=options.seed,
        profile=options.profile,
        now=options.now,
        speed=options.speed,
        epoch=options.epoch,
        runs=options.runs,
        seconds=options.seconds,
        port=options.port,
        gitlab_port=options.gitlab_port,
        jenkins_port=options.jenkins_port,
        slack_port=options.slack_port,
    )


if __name__ == "__main__":
    sys.exit(main())
