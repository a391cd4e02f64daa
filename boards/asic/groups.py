"""The syntax of Liberty files: groups within groups, with attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Group", "parse_group"]

TOKEN = re.compile(r'"[^"]*"|[{}();:,\n]|[^\s{}();:,"]+')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass
class Group:
    """One group of Liberty, `name (arguments) { attributes and groups }`."""

    name: str
    arguments: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def text(self, name: str, default: str = "") -> str:
        """The first value of an attribute."""
        return (self.attributes.get(name) or (default,))[0]

    def number(self, name: str, default: float = 0.0) -> float:
        """The same as a number."""
        return float(self.text(name, str(default)))

    def numbers(self, name: str) -> tuple[float, ...]:
        """All numbers of an attribute, in order."""
        return tuple(float(n) for text in self.attributes.get(name, ()) for n in text.replace(",", " ").split())

    def all(self, *names: str) -> Iterator[Group]:
        """The groups of these names."""
        return (group for group in self.groups if group.name in names)


def parse_group(text: str) -> Group:
    """The first group of `text`, as far as it goes."""
    text = COMMENT.sub(" ", text)
    tokens = TOKEN.findall(text.replace("\\\n", " ").replace("\\\r\n", " "))
    root = Group("")
    stack, position = [root], 0
    while position < len(tokens):
        token = tokens[position]
        if token == "}":
            stack.pop()
            position += 1
            if len(stack) == 1:
                break
        elif token in ";\n" or position + 1 >= len(tokens):
            position += 1
        elif tokens[position + 1] == ":":
            end = position + 2
            # Some files leave out the semicolon at the end of a line.
            while end < len(tokens) and tokens[end] not in (";", "}", "\n"):
                end += 1
            value = " ".join(part.strip('"') for part in tokens[position + 2 : end])
            stack[-1].attributes[token] = (value,)
            position = end
        elif tokens[position + 1] == "(":
            end = tokens.index(")", position)
            values = tuple(part.strip('"') for part in tokens[position + 2 : end] if part not in ",\n")
            position = end + 1
            while position < len(tokens) and tokens[position] == "\n":
                position += 1
            if position < len(tokens) and tokens[position] == "{":
                group = Group(token, values)
                stack[-1].groups.append(group)
                stack.append(group)
                position += 1
            else:
                stack[-1].attributes[token] = values
        else:
            position += 1
    return root.groups[0] if root.groups else root
