"""A page printed to PDF by Chromium, which knows its own print styles best."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from flowmac.errors import SettingError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_S = 180


def find_chromium() -> str:
    """Path of the browser.

    Raises:
        SettingError: there is none.
    """
    found = next((path for name in PROGRAMS if (path := shutil.which(name)) is not None), None)
    if found is None:
        raise SettingError(
            "a PDF of the page needs Chromium or Chrome, and none was found; install one (on Debian: apt install "
            "chromium), or open the page in a browser and print it there"
        )
    return found


def print_page(page: Path, output: Path) -> None:
    """Print the HTML file ``page`` to ``output``.

    Raises:
        SettingError: there is no browser, or it wrote nothing.
    """
    program = find_chromium()
    with tempfile.TemporaryDirectory() as profile:
        command = [program, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={profile}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium's sandbox does not start as root
        command += [f"--print-to-pdf={output.absolute()}", page.absolute().as_uri()]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SettingError(f"{program} could not print the page: {error}") from None
    if result.returncode != 0 or not output.is_file():
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise SettingError(f"{program} could not print the page (exit status {result.returncode}): {last}")
