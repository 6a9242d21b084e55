"""What a cache of tiles keeps, and what it forgets."""

from __future__ import annotations

from rscodec.stream.tile_cache import TileCache


def test_what_was_not_used_for_longest_is_forgotten_first():
    cache: TileCache[str] = TileCache(2)
    cache.add({(0, 0): "a", (0, 1): "b"})
    cache.used((0, 0))
    cache.add({(0, 2): "c"})
    cache.trim()
    assert (0, 1) not in cache and cache[0, 0] == "a" and cache[0, 2] == "c" and cache.total == 2


def test_what_is_in_use_may_be_more_than_the_limit():
    cache: TileCache[int] = TileCache(1)
    cache.add({(0, col): col for col in range(5)})
    cache.trim(least=3)
    assert cache.total == 3 and (0, 4) in cache


def test_items_are_weighed():
    cache: TileCache[bytes] = TileCache(10, len)
    cache.add({(0, 0): bytes(6), (0, 1): bytes(6)})
    cache.trim()
    assert cache.total == 6 and (0, 0) not in cache
