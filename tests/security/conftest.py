"""The server that the attacks on pages are tried on."""

from serve.conftest import served

__all__ = ["served"]
