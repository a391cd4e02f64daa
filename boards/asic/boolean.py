"""Boolean functions as cell libraries write them, on integers whose bits are as many cases side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from quadrille.algo.spec import InvalidInput

__all__ = ["Rule", "rule"]

Rule = Callable[..., int]
"""From a mask of all cases and the value of each name to the value of the function."""

TOKEN = re.compile(r"\s*(\w+|[!'&*|+^()])")


@cache
def rule(text: str, names: tuple[str, ...]) -> Rule:
    """The function `text` of `names`, in Liberty's notation.

    `!` before and `'` after a term invert; then `^`, then `&`, `*` or a blank between two terms, then `|` or `+`.

    Raises
    ------
    InvalidInput
        If the text is no function of these names.
    """
    parser = _Parser(text, names)
    arguments = ", ".join(["mask", *(f"v{n}" for n in range(len(names)))])
    # The parser lets nothing pass but operators and the names v0, v1, ...
    return eval(f"lambda {arguments}: {parser.parsed()}")


class _Parser:
    """Recursive descent to an expression of Python."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.names = text, names
        self.tokens = TOKEN.findall(text)
        self.place = 0
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            raise self.fault()

    def parsed(self) -> str:
        found = self.sum()
        if self.place < len(self.tokens):
            raise self.fault()
        return found

    def fault(self) -> InvalidInput:
        return InvalidInput(
            f"Function of a cell must be one of {', '.join(self.names) or 'nothing'}, not {self.text!r}"
        )

    @property
    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def sum(self) -> str:
        return self.joined(self.product, "|+", "|")

    def product(self) -> str:
        found = [self.exclusive()]
        while self.next and self.next not in "|+)":
            if self.next in "&*":
                self.place += 1
            found.append(self.exclusive())
        return f"({' & '.join(found)})"

    def exclusive(self) -> str:
        return self.joined(self.term, "^", "^")

    def joined(self, part: Callable[[], str], signs: str, operator: str) -> str:
        found = [part()]
        while self.next and self.next in signs:
            self.place += 1
            found.append(part())
        return f"({f' {operator} '.join(found)})"

    def term(self) -> str:
        token = self.next
        self.place += 1
        if token == "!":
            return f"(mask ^ {self.term()})"
        if token == "(":
            found = self.sum()
            if self.next != ")":
                raise self.fault()
            self.place += 1
        elif token in ("0", "1"):
            found = "mask" if token == "1" else "0"
        elif token in self.names:
            found = f"v{self.names.index(token)}"
        else:
            raise self.fault()
        while self.next == "'":
            self.place += 1
            found = f"(mask ^ {found})"
        return found
