"""Stateful fakes of CI providers and of chat on loopback, playing seeded histories: for demos, tests, benchmarks.

with Simulator(seed=7, profile="drill", now=NOON, speed=0) as simulator:
    ...                                # poll simulator.url with simulator.token
    simulator.clock.advance(30)        # builds go on
    simulator.fault("server_error", path="/actions/runs", count=2)
    simulator.ledger()                 # what truly happened
"""

from simulator.server import TOKEN, Simulator

__all__ = ["TOKEN", "Simulator"]
