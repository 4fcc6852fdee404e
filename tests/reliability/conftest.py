"""A Studio on a server that the test scripts."""

from ..playing import make_studio, server, studio

__all__ = ["make_studio", "server", "studio"]
