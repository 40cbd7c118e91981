"""Passwords are hashed with a salt, compared, and guessing is slowed."""

from __future__ import annotations

import base64
import hashlib

import pytest

from flowmac.errors import SettingError
from listening_test.password import Throttle, hash_password, verify_password


def test_a_hash_knows_its_password_and_no_other() -> None:
    first, second = hash_password("correct horse é"), hash_password("correct horse é")
    assert first != second
    assert "horse" not in first
    assert verify_password("correct horse é", first)
    assert not verify_password("correct horse e", first)
    assert not verify_password("", first)


def test_the_hash_is_scrypt() -> None:
    scheme, log2_n, r, p, salt, key = hash_password("correct horse").split("$")
    again = hashlib.scrypt(
        b"correct horse", salt=base64.b64decode(salt), n=2 ** int(log2_n), r=int(r), p=int(p), maxmem=2**27, dklen=32
    )
    assert (scheme, base64.b64decode(key)) == ("scrypt", again)


@pytest.mark.parametrize(
    "damaged",
    ["", "secret", "scrypt$15$8$3$AAAA$", "md5$15$8$3$AAAA$AAAA", "scrypt$60$8$3$AAAA$AAAA", "scrypt$0$8$3$AA$AA"],
)
def test_what_is_no_hash_is_said(damaged: str) -> None:
    with pytest.raises(SettingError, match="flowmac listen password"):
        verify_password("correct horse", damaged)


def test_short_passwords_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 10"):
        hash_password("short")


def test_guessing_is_slowed_for_its_address_alone() -> None:
    now = 0.0
    throttle = Throttle(n_free=2, clock=lambda: now)
    throttle.failed("a")
    assert throttle.wait_s("a") == 0
    throttle.failed("a")
    assert throttle.wait_s("a") == 1
    throttle.failed("a")
    assert (throttle.wait_s("a"), throttle.wait_s("b")) == (2, 0)
    now = 2.5
    assert throttle.wait_s("a") == 0
    for _ in range(2000):
        throttle.failed("a")
    assert throttle.wait_s("a") == Throttle.MAX_WAIT_S
    throttle.succeeded("a")
    assert throttle.wait_s("a") == 0


def test_the_throttle_forgets_the_oldest_addresses() -> None:
    throttle = Throttle(n_free=1)
    for number in range(Throttle.MAX_ADDRESSES + 1):
        throttle.failed(str(number))
    assert throttle.wait_s("0") == 0
    assert throttle.wait_s("1") > 0
