"""Finds the browser which the tests drive, or installs it: `python tests/browser/chromium.py`.

It must play H.264, which clips are made of: Debian's Chromium and Google Chrome do, Playwright's own build does not.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "apt-get update && apt-get install -y --no-install-recommends chromium fonts-noto-cjk"


def find() -> str | None:
    """The browser's executable: the one VIDGEN_CHROMIUM names, else the first on PATH."""
    named = os.environ.get("VIDGEN_CHROMIUM")
    return next((found for name in ([named] if named else NAMES) if (found := shutil.which(name))), None)


def missing() -> str:
    """What to say where there is none."""
    if named := os.environ.get("VIDGEN_CHROMIUM"):
        return f"VIDGEN_CHROMIUM={named} is no program that can be run"
    return f"No Chromium or Chrome on PATH: {INSTALL} (or set VIDGEN_CHROMIUM)"


def install() -> None:
    """Install Debian's Chromium, where this process may."""
    if os.geteuid() == 0 and shutil.which("apt-get") and not os.environ.get("VIDGEN_CHROMIUM"):
        subprocess.run(INSTALL, shell=True, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


if __name__ == "__main__":
    if find() is None:
        install()
    sys.exit(None if find() else missing())
