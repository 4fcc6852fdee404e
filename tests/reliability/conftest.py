"""A Studio on a server which plays each of the five providers."""

from ..playing import make_studio, play, provider, server, studio

__all__ = ["make_studio", "play", "provider", "server", "studio"]
