"""The one family of errors that this project raises for its users.

::

    FlowMACError
    ├── AudioError        a recording cannot be read, or has content that cannot be coded
    ├── BitstreamError    a .fmac stream is damaged, cut, or made with other codebooks
    ├── CheckpointError   weights are missing or do not fit their configuration
    └── SettingError      a name or value that a person typed is not one we know

Messages say what was given, what was expected and what to do. Command lines print the message, without a traceback,
and exit with status 2.
"""

import difflib
from collections.abc import Iterable


class FlowMACError(Exception):
    """Root of all errors meant for users."""


class AudioError(FlowMACError):
    """A recording cannot be read, or has content that cannot be coded or measured."""


class BitstreamError(FlowMACError):
    """A stream is damaged, cut, of another version, or made with other codebooks."""


class CheckpointError(FlowMACError):
    """Weights are missing, damaged, or do not fit their configuration."""


class SettingError(FlowMACError):
    """A setting, name or file that a person gave is not valid."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> SettingError:
    """An error for an unknown ``name`` of some ``kind``, with the near matches or all that there are."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are: {', '.join(known)}."
    return SettingError(f"unknown {kind} '{name}': {hint}")
