"""The command of --tokencommand1: a program of the user's that prints an access token."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from typing import TYPE_CHECKING

from imapsync.cli.errors import UsageError
from imapsync.cli.secrets import MAX_SECRET_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: How long the command may take: it may ask a server, not a person.
TIMEOUT_S = 60.0


def token_command(text: str, option: str) -> Callable[[], Awaitable[str]]:
    """Give the coroutine function that runs the command and gives the first line that it prints.

    text: words as a shell would split them; no shell runs them. UsageError when it has no words. The function
    raises SecretUnavailable, which names the option and never shows what was printed; a command that is not
    awaited any longer is killed. Its error output goes where ours goes.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"Option --{option}: {str(error).lower()}.", option=option) from None
    if not words:
        raise UsageError(f"Option --{option}: the command is empty.", option=option)

    async def run() -> str:
        return _token(await output_of(words, option), option)

    return run


async def output_of(words: list[str], option: str) -> bytes:
    """Give what a program of the user's prints. SecretUnavailable, which names the option, when it fails."""
    from imapsync.session.errors import SecretUnavailable

    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, limit=MAX_SECRET_BYTES
        )
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or "it holds a NUL"
        raise SecretUnavailable(f"the command of --{option} cannot be run: {reason}") from None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        raise SecretUnavailable(f"the command of --{option} did not end within {TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    if process.returncode:
        raise SecretUnavailable(f"the command of --{option} ended with exit code {process.returncode}")
    return output


def _token(output: bytes, option: str) -> str:
    from imapsync.session.errors import SecretUnavailable

    try:
        token = output.partition(b"\n")[0].decode("ascii").strip()
    except UnicodeDecodeError:
        raise SecretUnavailable(f"the command of --{option} prints what is no token") from None
    if not token or len(token) > MAX_SECRET_BYTES:
        raise SecretUnavailable(f"the command of --{option} prints no token")
    return token
