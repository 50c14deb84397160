"""Feeding a Reader in every way a network may cut its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.wire.limits import DEFAULT_LIMITS, Bounds
from imapsync.wire.reader import Reader
from imapsync.wire.responses import BodyChunk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.wire.responses import Response


def read_pieces(pieces: Iterable[bytes], limits: Bounds = DEFAULT_LIMITS) -> list[Response]:
    """Give all responses of an input that arrives in these pieces; consecutive body chunks are joined."""
    reader = Reader(limits)
    responses: list[Response] = []
    for piece in pieces:
        position = 0
        while position < len(piece):
            part = piece[position : position + len(reader.get_buffer())]
            reader.feed(part)
            position += len(part)
            while (response := reader.next()) is not None:
                if isinstance(response, BodyChunk) and responses and isinstance(responses[-1], BodyChunk):
                    responses[-1] = BodyChunk(responses[-1].content + response.content)
                else:
                    responses.append(response)
    return responses


def read_whole(raw: bytes, limits: Bounds = DEFAULT_LIMITS) -> list[Response]:
    """Give all responses of an input that arrives at once."""
    return read_pieces([raw], limits)


def read_bytewise(raw: bytes, limits: Bounds = DEFAULT_LIMITS) -> list[Response]:
    """Give all responses of an input that arrives byte by byte."""
    return read_pieces((raw[index : index + 1] for index in range(len(raw))), limits)
