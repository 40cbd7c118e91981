"""Programs of others as child processes: no shell, a time limit, and an error that says what they said."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence

from flowmac.errors import FlowMACError

#: How much of a program's complaint a message repeats: the end, where the reason is.
_TAIL_CHARACTERS = 500


class ProgramError(FlowMACError):
    """A program could not be started, failed, or took too long."""


def run_program(command: Sequence[str], stdin: bytes = b"", timeout_s: float = 600) -> bytes:
    """Run ``command`` to its end.

    Args:
        command: program and arguments, passed on as they are.
        stdin: what it reads.
        timeout_s: after that long on the clock it is killed, with the processes that it started.

    Returns:
        what it wrote to stdout.

    Raises:
        ProgramError: it could not be started, ended with a status other than 0, or was killed.
    """
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise ProgramError(f"{command[0]}: cannot be started ({error.strerror})") from None
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout_s)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise ProgramError(f"'{shlex.join(command)}' took longer than {timeout_s:g} s and was stopped") from None
        raise
    if process.returncode:
        raise ProgramError(f"'{shlex.join(command)}' ended with status {process.returncode}: {_tail(stderr)}")
    return stdout


def _tail(stderr: bytes) -> str:
    text = stderr.decode(errors="replace").strip()
    return f"...{text[-_TAIL_CHARACTERS:]}" if len(text) > _TAIL_CHARACTERS else text or "it said nothing"
