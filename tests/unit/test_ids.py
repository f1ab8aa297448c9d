"""Row ids sort by time and do not repeat."""
from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from fedisora.ids import id_floor, new_id, time_of

WHEN = dt.datetime(2026, 11, 24, 12, 0, 0, 123000, tzinfo=dt.UTC)


def test_ids_do_not_repeat() -> None:
    assert len({new_id(WHEN) for _ in range(5000)}) == 5000


def test_the_time_comes_back() -> None:
    assert time_of(new_id(WHEN)) == WHEN


@given(st.datetimes(min_value=dt.datetime(2000, 1, 1), max_value=dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)))  # noqa: DTZ001
def test_later_means_larger(when: dt.datetime) -> None:
    assert id_floor(when) <= new_id(when) < new_id(when + dt.timedelta(milliseconds=1))
    assert new_id(when) < 2**63
