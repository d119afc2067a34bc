"""The window of requests: it grows while that pays and gives way when asked."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.aimd import Window


class Store:
    """Answers up to `capacity` requests a round of 0.1 s; refuses above `refuses_at` in the air."""

    def __init__(self, window, capacity, refuses_at=10**9, demand=10**9):
        self.window = window
        self.capacity = capacity
        self.refuses_at = refuses_at
        self.demand = demand
        self.tick = 0

    @property
    def now(self):
        return self.tick / 10

    def run(self, seconds):
        seen = []
        for _ in range(round(seconds * 10)):
            sent_at, limit = self.now, self.window.limit
            self.tick += 1
            if self.demand > limit:
                self.window.on_wait()
            if limit > self.refuses_at:
                for _ in range(limit - self.refuses_at):
                    self.window.on_throttle(self.now, sent_at)
            for _ in range(min(limit, self.capacity)):
                self.window.on_success(self.now, 4096)
            seen.append(self.window.limit)
        return seen


def test_it_doubles_every_half_second_while_throughput_rises():
    window = Window()
    limits = Store(window, capacity=10**6).run(3)
    assert window.limit == 512
    assert list(dict.fromkeys(limits)) == [16, 32, 64, 128, 256, 512]
    assert limits.index(512) < 28


def test_it_stops_doubling_where_more_does_not_pay_and_goes_on_by_steps():
    window = Window()
    limits = Store(window, capacity=60).run(10)
    growth = {after - before for before, after in pairwise(limits[30:])}
    assert growth == {0, 4}
    assert 128 <= window.limit < 512


def test_a_window_that_nobody_waited_for_stays_as_it_is():
    window = Window()
    store = Store(window, capacity=10**6, demand=10)
    store.run(10)
    assert window.limit == 16
    store.demand = 10**9
    store.run(4)
    assert window.limit == 512


def test_many_throttles_of_one_round_trip_halve_it_once():
    window = Window(start=64)
    for _ in range(64):
        window.on_throttle(now=1.0, sent_at=0.9)
    assert window.limit == 32
    window.on_throttle(now=1.1, sent_at=0.95)
    assert window.limit == 32
    window.on_throttle(now=1.2, sent_at=1.05)
    assert window.limit == 16


def test_it_comes_back_by_doubling_to_the_last_window_that_held():
    window = Window(start=64)
    store = Store(window, capacity=10)
    store.run(0.7)
    assert window.limit == 128
    window.on_throttle(now=0.8, sent_at=0.7)
    window.on_throttle(now=1.0, sent_at=0.9)
    assert window.limit == 32
    # 64 was refused as well: 56 is aimed at, doubling though throughput does not rise, then steps.
    store.tick = 10
    assert list(dict.fromkeys(store.run(2.5))) == [32, 56, 60, 64, 68, 72]


def test_a_store_that_refuses_for_a_while_does_not_cost_the_window_for_good():
    window = Window(start=64)
    store = Store(window, capacity=10)
    store.run(0.7)
    for round_trip in (7, 8, 9, 10):
        window.on_throttle(now=round_trip / 10, sent_at=round_trip / 10 - 0.05)
    assert window.limit == 8
    store.tick = 10
    # The storm has refused 64 once, not each round trip anew.
    assert list(dict.fromkeys(store.run(2.5))) == [8, 16, 32, 56, 60, 64]


def test_a_window_that_was_refused_before_it_held_is_not_aimed_at():
    window = Window(start=64)
    store = Store(window, capacity=10)
    store.run(0.7)
    window.on_throttle(now=0.8, sent_at=0.7)
    store.tick = 8
    assert list(dict.fromkeys(store.run(1.2))) == [64, 68, 72]


def test_it_settles_near_what_the_store_takes():
    window = Window()
    limits = Store(window, capacity=10**6, refuses_at=100).run(60)
    last = limits[-300:]
    assert max(last) <= 100 + 4
    assert sum(last) / len(last) > 70


def test_floor_and_ceiling_hold():
    window = Window(start=1000, ceiling=64)
    assert window.limit == 64
    window.bound(8)
    assert window.limit == 8
    for now in range(1, 20):
        window.on_throttle(now=now, sent_at=now - 0.5)
    assert window.limit == 1
    store = Store(window, capacity=10**6)
    store.tick = 200
    store.run(60)
    assert window.limit == 8


EVENTS = st.lists(st.tuples(st.booleans(), st.floats(0, 2), st.integers(0, 1 << 30)), max_size=60)


@given(EVENTS, st.integers(1, 64), st.integers(1, 64))
def test_whatever_happens_it_stays_between_floor_and_ceiling(events, floor, more):
    window = Window(floor=floor, ceiling=floor + more)
    now = 0.0
    for well, passed, size in events:
        now += passed
        if well:
            window.on_success(now, size)
        else:
            window.on_throttle(now, now - 0.01)
        assert floor <= window.limit <= floor + more
