"""A child process that ends when the process that started it does, even when that one was killed outright."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1

# Loaded here, in the parent: between fork and exec a child should do as little as possible.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """What to run between fork and exec (`preexec_fn`) so that the kernel sends `sent` to the child when we are gone.

    Linux only; elsewhere the function does nothing and a left-over is dealt with at the next start. The kernel watches
    the *thread* that forked, so start such children from a thread that lives as long as they should. It must run
    after the child has changed its user, which clears the setting (prctl(2)); `subprocess` keeps that order.
    """
    parent = os.getpid()

    def arm() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(sent))
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return arm
