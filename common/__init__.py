"""Networks, losses, transforms, handlers and protocols that the bundles share (``_target_: common...`` in configs)."""

from __future__ import annotations

import logging
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

from .allocator import keep_freed_memory
from .as_trained import as_trained, start_from
from .bundle_folder import bundle_root
from .errors import InputError, brief_input_errors, flag
from .exported_inference import exported_inference, exported_metadata, save_exported
from .options import check_options
from .run_identity import run_identity
from .training_record import training_record
from .training_subjects import log_training_subjects, notes_on_subjects, unseen_rows

__all__ = [
    "InputError",
    "as_trained",
    "brief_input_errors",
    "bundle_root",
    "check_options",
    "exported_inference",
    "exported_metadata",
    "flag",
    "keep_freed_memory",
    "log_training_subjects",
    "notes_on_subjects",
    "run_identity",
    "save_exported",
    "start_from",
    "training_record",
    "unseen_rows",
]

# MONAI creates this reader for every LoadImage, also where nvImageCodec is neither installed nor needed.
warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader: nvImageCodec decoder plugin did not register")
logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)


def __getattr__(name: str) -> ModuleType:
    """A package of this one, such as ``data`` in ``$common.data.class_names(...)``, imported at its first use."""
    if (Path(__file__).parent / name / "__init__.py").is_file():
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
