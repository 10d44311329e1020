"""Scan of archives for code: all files are read as data, nothing is evaluated, imported or unpickled."""

from .folder import scan_file, scan_folder

__all__ = ["scan_file", "scan_folder"]
