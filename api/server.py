"""The `observatory api` process: a gunicorn arbiter and its gevent workers, each with its own hub and engine."""

# Before anything that imports ssl, threading or psycopg: psycopg looks once, at import, whether it must wait together
# with other greenlets (psycopg.waiting), and a socket class imported earlier would block the whole worker.
from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

import gevent  # noqa: E402
import gunicorn.arbiter  # noqa: E402
import structlog  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402
from gunicorn.glogging import Logger  # noqa: E402
from gunicorn.workers.ggevent import GeventWorker  # noqa: E402

from shared.config.settings import Config, ServerSettings  # noqa: E402
from shared.errors import CannotStart  # noqa: E402
from shared.log import setup as logs  # noqa: E402

if TYPE_CHECKING:
    from flask import Flask

    from api.hub import Hub

GRACEFUL_SECONDS = 6
"""From SIGTERM to the end of a worker; the whole stack has 10."""

CANNOT_START = 3
"""The exit code of a process whose worker could not even start; its words said why."""

REQUESTS_BESIDE_SOCKETS = 512
DESCRIPTORS_BESIDE_SOCKETS = 1024
BACKLOG = 2048

log = structlog.get_logger()


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises CannotStart with the cure."""
    logs.configure(config.logging.level, config.logging.format, "api")
    if config.database.url is None:
        raise CannotStart("the API was given no database", "Set DATABASE_URL, or start everything with: observatory up")
    _raise_descriptor_limit(config.server.max_sockets + DESCRIPTORS_BESIDE_SOCKETS)
    listening = _listen(config.server)
    config = replace(config, server=_with_port(config.server, listening.getsockname()[1]))
    log.info("listening", host=config.server.host, port=config.server.port, url=config.server.base_url)
    return _serve(Application(config, listening))


def _serve(application: "Application") -> int:
    """Run the arbiter to its end; only the arbiter's own process comes back from here."""
    arbiter_pid = os.getpid()
    code = 0
    try:
        Arbiter(application).run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    if os.getpid() != arbiter_pid:
        # A forked worker comes out here too. It ends now: what our caller still has to do is the arbiter's. By its
        # code gunicorn knows a worker that could not even start.
        logging.shutdown()
        os._exit(code)
    return CANNOT_START if code in {Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR} else code


def _listen(server: ServerSettings) -> socket.socket:
    """The listening socket, bound here so that a taken port is said in words and at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            server.host.strip("[]"), server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Gunicorn sets it, too, but later than the first client may come: it would wait 40 ms for each small answer.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {server.host}:{server.port}: {error.strerror}",
            "Stop what listens there, or choose another host or port under [server]",
        ) from error
    return listening


def _with_port(server: ServerSettings, port: int) -> ServerSettings:
    """The settings with the port that was really given (asked for 0), in our own address too."""
    return server.model_copy(update={"port": port, "base_url": re.sub(r":0$", f":{port}", server.base_url)})


def _raise_descriptor_limit(wanted: int) -> None:
    """A socket is a descriptor: take as many as are allowed, and say so when they will not do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    if reachable < wanted:
        cure = "raise the limit (ulimit -n) or lower server.max_sockets"
        log.warning("too few descriptors", allowed=reachable, needed=wanted, cure=cure)


class Application(BaseApplication):  # type: ignore[misc]
    """Gunicorn, configured by us alone: no file, no environment, no command line of its own."""

    hub: "Hub"

    def __init__(self, config: Config, listening: socket.socket) -> None:
        self.config = config
        self.listening = listening
        super().__init__()

    def load_config(self) -> None:
        server = self.config.server
        settings: dict[str, Any] = {
            "bind": f"fd://{self.listening.detach()}",
            "backlog": BACKLOG,
            "workers": server.workers,
            "worker_class": Worker,
            "worker_connections": server.max_sockets + REQUESTS_BESIDE_SOCKETS,
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": 5,
            "control_socket_disable": True,
            "logger_class": Log,
            "loglevel": self.config.logging.level,
            "forwarded_allow_ips": "",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> "Flask":
        """Build the application, in the worker: nothing of it is shared with the arbiter or another worker."""
        from api.worker import build  # noqa: PLC0415 (the arbiter stays small)

        try:
            app, self.hub = build(self.config)
        except CannotStart as error:
            log.critical("cannot start", problem=error.problem, cure=error.cure)
            sys.exit(Arbiter.APP_LOAD_ERROR)
        return app


class Arbiter(gunicorn.arbiter.Arbiter):  # type: ignore[misc]
    """Gunicorn's, with one way to end: Ctrl-C and a closed terminal are a SIGTERM; a second Ctrl-C ends it at once."""

    def handle_int(self) -> None:
        self.handle_term()

    def handle_hup(self) -> None:
        self.handle_term()


class Worker(GeventWorker):  # type: ignore[misc]
    """Gunicorn's gevent worker that hands WebSockets over and says goodbye to them."""

    def is_already_handled(self, respiter: object) -> bool:
        """Gunicorn's door for responses that are none: run a socket here, outside Flask, until it ends."""
        from api.stream import Takeover  # noqa: PLC0415 (the arbiter stays small)

        if not isinstance(respiter, Takeover):
            return False
        respiter.run()
        raise StopIteration

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM: sockets are closed over a few seconds, requests get to their end."""
        super().handle_exit(sig, frame)
        gevent.spawn(self.app.hub.drain)

    def handle_quit(self, sig: int, frame: object) -> None:
        """A terminal's Ctrl-C reaches the workers too; the arbiter decides."""
        if sig != signal.SIGINT:
            super().handle_quit(sig, frame)


def _repeats_failed_start(words: str, values: tuple[object, ...]) -> bool:
    if words.startswith("Worker (pid:%s) exited"):
        return values[-1] in {Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR}
    return words.startswith(("Shutting down: %s", "Reason: %s"))  # only after such a start is it an error


class Log(Logger):  # type: ignore[misc]
    """Gunicorn's messages on our road; its access log only when debugging."""

    def info(self, msg: str, *args: object, **kwargs: Any) -> None:
        """What gunicorn does while all is well is for whoever looks for a fault; `listening` we say ourselves."""
        self.debug(msg, *args, **kwargs)

    def error(self, msg: str, *args: object, **kwargs: Any) -> None:
        """A worker that could not start has said why, in words; gunicorn's would only repeat the number."""
        if _repeats_failed_start(msg, args):
            self.debug(msg, *args, **kwargs)
        else:
            super().error(msg, *args, **kwargs)

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = cfg.loglevel == "debug"
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.getLogger().level)
