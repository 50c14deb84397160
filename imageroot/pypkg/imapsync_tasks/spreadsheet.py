"""Cells of CSV files that a spreadsheet opens safely."""

from __future__ import annotations

from typing import Final

#: A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> object:
    """Give a value as a cell: nothing is empty, and foreign text is no formula."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
