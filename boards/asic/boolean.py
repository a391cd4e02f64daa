"""Boolean functions as cell libraries write them: on integers whose bits are as many cases, and in Verilog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from quadrille.algo.spec import InvalidInput

__all__ = ["Rule", "rule", "verilog"]

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
    parser = _Parser(text, {name: f"v{n}" for n, name in enumerate(names)}, "mask", "0", "mask ^ ")
    arguments = ", ".join(["mask", *(f"v{n}" for n in range(len(names)))])
    # The parser lets nothing pass but operators and the names v0, v1, ...
    return eval(f"lambda {arguments}: {parser.parsed()}")


def verilog(text: str, names: Mapping[str, str]) -> str:
    """The function `text` as an expression of Verilog, with the names that `names` gives those of Liberty.

    Raises
    ------
    InvalidInput
        If the text is no function of these names.
    """
    return _Parser(text, names, "1'b1", "1'b0", "~").parsed()


class _Parser:
    """Recursive descent to an expression of Python or of Verilog, which share the signs of their operators."""

    def __init__(self, text: str, names: Mapping[str, str], one: str, zero: str, inversion: str) -> None:
        self.text, self.names = text, names
        self.one, self.zero, self.inversion = one, zero, inversion
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
        return found[0] if len(found) == 1 else f"({' & '.join(found)})"

    def exclusive(self) -> str:
        return self.joined(self.term, "^", "^")

    def joined(self, part: Callable[[], str], signs: str, operator: str) -> str:
        found = [part()]
        while self.next and self.next in signs:
            self.place += 1
            found.append(part())
        return found[0] if len(found) == 1 else f"({f' {operator} '.join(found)})"

    def term(self) -> str:
        token = self.next
        self.place += 1
        if token == "!":
            return f"({self.inversion}{self.term()})"
        if token == "(":
            found = self.sum()
            if self.next != ")":
                raise self.fault()
            self.place += 1
        elif token in ("0", "1"):
            found = self.one if token == "1" else self.zero
        elif token in self.names:
            found = self.names[token]
        else:
            raise self.fault()
        while self.next == "'":
            self.place += 1
            found = f"({self.inversion}{found})"
        return found
