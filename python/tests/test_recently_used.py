"""What is kept of values that can be made again: those used last, within bounds."""

from __future__ import annotations

from dagster_taskiq.recently_used import RecentlyUsed


def test_the_value_that_was_not_used_for_longest_is_dropped():
    kept = RecentlyUsed[str, int](2)
    kept.keep("a", 1)
    kept.keep("b", 2)
    assert kept.get("a") == 1
    kept.keep("c", 3)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]


def test_a_heavy_value_drops_as_many_as_are_beyond_the_weight():
    kept = RecentlyUsed[str, str](most_weight=6, weight=len)
    for key in "abc":
        kept.keep(key, "xx")
    kept.keep("d", "xxx")
    assert [key for key in "abcd" if key in kept] == ["c", "d"]


def test_the_newest_value_is_kept_however_heavy_it_is():
    kept = RecentlyUsed[str, str](most_weight=6, weight=len)
    kept.keep("a", "x")
    kept.keep("b", "x" * 100)
    kept.keep("c", "xx")
    assert [key for key in "abc" if key in kept] == ["c"]


def test_a_value_that_is_dropped_weighs_no_longer():
    kept = RecentlyUsed[str, str](most_weight=6, weight=len)
    kept.keep("a", "xxxx")
    kept.keep("b", "xx")
    kept.drop("a")
    kept.keep("c", "xxxx")
    assert [key for key in "abc" if key in kept] == ["b", "c"]


def test_a_value_that_replaces_another_does_not_weigh_twice():
    kept = RecentlyUsed[str, str](most_weight=6, weight=len)
    kept.keep("a", "xx")
    for _ in range(10):
        kept.keep("b", "xxxx")
    assert kept.get("a") == "xx"
