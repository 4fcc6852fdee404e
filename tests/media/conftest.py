"""The clips of these tests, made once."""

from pathlib import Path

import pytest

from .samples import write_clip


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def clip_file(folder: Path) -> Path:
    """One second, moov last, with B-frames and a keyframe every ten frames."""
    return write_clip(folder / "grey.mp4")


@pytest.fixture(scope="session")
def sounding(folder: Path) -> Path:
    """One second with sound, moov first."""
    return write_clip(folder / "sounding.mp4", sound=True, movflags="+faststart")


@pytest.fixture(scope="session")
def fragmented(folder: Path) -> Path:
    """Fragments, and at the end the index of fragments (mfra)."""
    return write_clip(folder / "fragmented.mp4", movflags="frag_keyframe+empty_moov")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "vidgen"
