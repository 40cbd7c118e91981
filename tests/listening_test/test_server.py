"""What the server prints when it starts, and what it refuses to serve."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from flowmac.errors import SettingError
from listening_test.server import links, open_service


def test_links(small_study: Path) -> None:
    public = open_service(small_study, is_public=True, base_path="/listen/")
    assert links(public, "http://localhost:1")[1:] == ["open to all: http://localhost:1/listen/"]
    public.store.close()
    invited = open_service(small_study)
    first = links(invited, "http://localhost:1")
    assert len([line for line in first if "/?t=" in line]) == 5
    assert links(invited, "http://localhost:1") == first
    invited.store.close()


def test_sizes_that_tell_are_refused(small_study: Path) -> None:
    file = small_study / "stimuli" / "bells" / "low.wav"
    samples, rate = soundfile.read(file)
    soundfile.write(file, samples[:-1], rate, subtype="PCM_16")
    with pytest.raises(SettingError, match=r"bells.*differ in size"):
        open_service(small_study)
    file.unlink()
    with pytest.raises(SettingError, match="cannot be read"):
        open_service(small_study)
