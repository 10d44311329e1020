"""Proof that an archive holds no code: all of it is read as data, nothing is evaluated, imported or unpickled."""

from .folder import scan_folder

__all__ = ["scan_folder"]
