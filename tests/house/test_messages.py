"""Every sentence that refuses something is tested, by a regular expression anchored at its start."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("algo", "hw", "sim", "tb", "flow", "boards")
REFUSALS = ("InvalidInput", "TypeError", "MissingTool")
HOLE = "\0"
ENOUGH = 12  # letters of the longest constant part that a regex which ends early must still hold


def text_of(node: ast.expr) -> str:
    """The text of a string expression, with a HOLE for each part that is known only at run time."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left) + text_of(node.right)
    return HOLE


def refusals(source: str) -> list[tuple[int, str]]:
    """Line and template of each refusal raised in `source`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Raise):
            continue
        call = node.exc
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in REFUSALS and call.args:
            template = text_of(call.args[0])
            if any(len(part.strip(" :,.'")) > 3 for part in template.split(HOLE)):
                found.append((node.lineno, template))
    return found


def covered_by(template: str, regex: str) -> bool:
    """Whether `regex`, anchored, asks for the sentence `template`: its constant parts in order, from the start."""
    text = re.sub(r"\\(.)", r"\1", regex.removeprefix("^"))
    parts = [part for part in template.split(HOLE) if part]
    longest, position, held = max(len(part) for part in parts), 0, 0
    for index, part in enumerate(parts):
        must_start = index == 0 and not template.startswith(HOLE)
        at = (0 if text.startswith(part) else -1) if must_start else text.find(part, position)
        if at >= 0:
            held = max(held, len(part))
            position = at + len(part)
            continue
        # The regex may end within this part, once enough of the sentence has been asked for.
        end = max((n for n in range(1, len(part)) if text.endswith(part[:n]) and len(text) - n >= position), default=0)
        if must_start and end != len(text):
            return False
        return max(held, end) >= min(longest, ENOUGH)
    return True


@cache
def regexes() -> list[str]:
    """Every anchored string in the tests."""
    found = set()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Constant, ast.JoinedStr)):
                text = text_of(node).replace(HOLE, "")
                if text.startswith("^"):
                    found.add(text)
    return sorted(found)


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if refusals(path.read_text()))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_refusal_is_tested(path: Path) -> None:
    untested = [
        f"{path.relative_to(ROOT)}:{line}: {template.replace(HOLE, '{}')}"
        for line, template in refusals(path.read_text())
        if not any(covered_by(template, regex) for regex in regexes())
    ]
    assert untested == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_refusal_is_one_sentence(path: Path) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {template.replace(HOLE, '{}')}"
        for line, template in refusals(path.read_text())
        if "\n" in template or template.rstrip().endswith((".", "!"))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "regex", "covered"),
    [
        ('raise InvalidInput(f"Width must be from {a} to {b}, not {c}")', r"^Width must be from 1 to 8, not 9$", True),
        ('raise InvalidInput(f"Width must be from {a} to {b}, not {c}")', r"^Width must be from 1", True),
        ('raise InvalidInput(f"Width must be from {a} to {b}, not {c}")', r"^Width$", False),
        ('raise InvalidInput(f"{name} must be positive, not {c}")', r"^Rows must be positive, not 0$", True),
        ('raise InvalidInput(f"{name} must be positive, not {c}")', r"^Rows must be even", False),
        ('raise TypeError(f"Sign must be " f"a bool, not {c!r}")', r"^Sign must be a bool", True),
        ('raise MissingTool("Program g++ is missing")', r"^Program g\+\+ is missing$", True),
        ('raise MissingTool("Program g++ is missing")', r"^A program is missing$", False),
    ],
)
def test_coverage_is_judged(source: str, regex: str, covered: bool) -> None:
    ((_, template),) = refusals(source)
    assert covered_by(template, regex) is covered
