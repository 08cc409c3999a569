"""How often an address may fail: exact, for a minute, in bounded memory."""

from api.throttle import Throttle


def failing(throttle: Throttle, address: str, times: int, *, at: float = 0.0) -> None:
    for _ in range(times):
        throttle.count(address, at)


def test_an_address_waits_after_its_hundredth_failure_until_the_first_is_a_minute_old() -> None:
    throttle = Throttle()
    failing(throttle, "203.0.113.7", 1, at=0.0)
    failing(throttle, "203.0.113.7", 99, at=30.0)

    assert throttle.wait_seconds("203.0.113.7", 30.0) == 30
    assert throttle.wait_seconds("203.0.113.7", 59.5) == 1
    assert throttle.wait_seconds("203.0.113.7", 60.0) == 0


def test_at_most_a_hundred_pass_in_any_minute() -> None:
    throttle = Throttle()
    passed = []
    for tick in range(1800):
        now = tick / 10
        if throttle.wait_seconds("203.0.113.7", now) == 0:
            throttle.count("203.0.113.7", now)
            passed.append(now)

    assert len(passed) == 300
    assert max(sum(start <= now < start + 60 for now in passed) for start in passed) == 100


def test_addresses_do_not_share_their_failures_but_one_customers_ipv6_network_does() -> None:
    throttle = Throttle(most=2)
    failing(throttle, "203.0.113.7", 2)
    failing(throttle, "2001:db8:1:2::1", 1)
    failing(throttle, "2001:db8:1:2:ffff::9", 1)

    assert throttle.wait_seconds("203.0.113.8", 0.0) == 0
    assert throttle.wait_seconds("2001:db8:1:2:abcd::1", 0.0) == 60
    assert throttle.wait_seconds("2001:db8:1:3::1", 0.0) == 0


def test_an_ipv4_address_written_as_ipv6_is_one_address() -> None:
    throttle = Throttle(most=1)
    failing(throttle, "::ffff:203.0.113.7", 1)

    assert throttle.wait_seconds("::ffff:203.0.113.8", 0.0) == 0


def test_memory_is_bounded_and_whoever_failed_longest_ago_is_forgotten() -> None:
    throttle = Throttle(most=1, addresses=10)
    for number in range(1000):
        throttle.count(f"host {number}", float(number) / 1000)

    remembered = [number for number in range(1000) if throttle.wait_seconds(f"host {number}", 1.0)]
    assert remembered == list(range(990, 1000))
