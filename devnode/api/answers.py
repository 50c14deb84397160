"""The envelope of every API answer."""

from __future__ import annotations

from typing import Any

from aiohttp import web

FORBIDDEN = "you don't have permission to access this resource"


def answer(code: int, message: str, data: Any = None) -> web.Response:  # noqa: ANN401 - any JSON value
    """Give {"code","message","data"} with the HTTP status of the same number."""
    return web.json_response({"code": code, "message": message, "data": data}, status=code)


class RefusedError(Exception):
    """A request that ends here, with the answer to give."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:  # noqa: ANN401 - any JSON value
        super().__init__(message)
        self.response = answer(code, message, data)
