"""What many accelerators have in common, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

__all__ = ["Known", "Once", "anew"]

T = TypeVar("T")


class Once(Protocol):
    """Called with what a result follows from, and with what makes it."""

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, now or when the same `key` was asked for before."""
        ...


def anew(key: Hashable, make: Callable[[], T]) -> T:
    """Work out, and remember nothing."""
    del key
    return make()


class Known:
    """Results by their keys, at most the latest `most` of them; whoever asks makes keys of all that a result follows
    from."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.results: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave when `key` was first asked for."""
        if key not in self.results:
            self.results[key] = make()
            if len(self.results) - 1 == self.most:
                del self.results[next(iter(self.results))]
        return self.results[key]
