"""The tables and figures of the papers, each from one command."""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .paper import Paper
    from .reproduction import Reproduction

__all__ = ["Paper", "Reproduction"]

__getattr__ = lazy_exports(__name__)
