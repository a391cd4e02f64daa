"""Tables of several columns, as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["table_html", "table_text"]


def table_text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; those of numbers are flush right."""
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(headings), line(["-" * width for width in widths]), *(line(row) for row in rows)])


def table_html(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as HTML, without headings if there are none."""
    cell = '<td style="text-align:left">'
    head = "".join(f'<th style="text-align:left">{html.escape(text)}</th>' for text in headings)
    body = "".join(f"<tr>{''.join(f'{cell}{html.escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if headings else ''}<tbody>{body}</tbody></table>"


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").isdigit() or not text
