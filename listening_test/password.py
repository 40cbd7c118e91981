"""The admin page's password: kept as a hash by scrypt (RFC 7914), compared in constant time, and attempts slowed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

from flowmac.errors import SettingError

MIN_LENGTH = 10

#: Costs of scrypt: log2 of N, r, p: 32 MiB and about a quarter of a second a try.
_LOG2_N, _R, _P = 15, 8, 3
_MAX_MEMORY_BYTES = 128 * 2**20
_SALT_BYTES, _KEY_BYTES = 16, 32
_SCHEME = "scrypt"


def hash_password(password: str) -> str:
    """``scrypt$log2(N)$r$p$salt$key``, the last two in base64, with a fresh salt.

    Raises:
        SettingError: the password has fewer than `MIN_LENGTH` characters.
    """
    if len(password) < MIN_LENGTH:
        raise SettingError(f"the password has {len(password)} characters; at least {MIN_LENGTH} are needed")
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _derive(password, salt, _LOG2_N, _R, _P, _KEY_BYTES)
    encoded = "$".join(base64.b64encode(part).decode() for part in (salt, key))
    return f"{_SCHEME}${_LOG2_N}${_R}${_P}${encoded}"


def verify_password(password: str, password_hash: str) -> bool:
    """Whether ``password`` is the one that was hashed.

    Raises:
        SettingError: ``password_hash`` is not what `hash_password` makes.
    """
    fault = SettingError("admin.password_hash is no hash of a password; make one with `flowmac listen password`")
    try:
        scheme, log2_n, r, p, salt, key = password_hash.split("$")
        costs = int(log2_n), int(r), int(p)
        expected = base64.b64decode(key, validate=True)
        salt_bytes = base64.b64decode(salt, validate=True)
    except (ValueError, binascii.Error):
        raise fault from None
    if scheme != _SCHEME or not expected or min(costs) < 1:
        raise fault
    try:
        actual = _derive(password, salt_bytes, *costs, len(expected))
    except (ValueError, OverflowError):  # costs beyond the memory that is allowed
        raise fault from None
    return hmac.compare_digest(actual, expected)


def _derive(password: str, salt: bytes, log2_n: int, r: int, p: int, n_bytes: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**log2_n, r=r, p=p, maxmem=_MAX_MEMORY_BYTES, dklen=n_bytes)


class Throttle:
    """Slows guessing: after `n_free` wrong passwords from one address, each further one doubles the wait (to 60 s).

    Behind a reverse proxy that does not pass addresses on all visitors share one. Safe to use from several threads.
    """

    MAX_WAIT_S = 60.0
    MAX_ADDRESSES = 10_000

    def __init__(self, n_free: int = 5, clock: Callable[[], float] = time.monotonic) -> None:
        self._n_free = n_free
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, tuple[int, float]] = {}

    def wait_s(self, address: str) -> float:
        """Seconds until ``address`` may try again; 0 for now."""
        with self._lock:
            n_failed, last = self._failures.get(address, (0, 0.0))
        if n_failed < self._n_free:
            return 0.0
        wait = min(2.0 ** min(n_failed - self._n_free, 10), self.MAX_WAIT_S)
        return max(0.0, last + wait - self._clock())

    def failed(self, address: str) -> None:
        """Count a wrong password."""
        with self._lock:
            n_failed, _ = self._failures.pop(address, (0, 0.0))
            while len(self._failures) >= self.MAX_ADDRESSES:
                del self._failures[next(iter(self._failures))]
            self._failures[address] = (n_failed + 1, self._clock())

    def succeeded(self, address: str) -> None:
        """Forget the wrong passwords of ``address``."""
        with self._lock:
            self._failures.pop(address, None)
