"""Imported last by the interpreter whose forks are commands: forks then need not work this out again."""

import inspect
from contextlib import suppress

from tests.remembered import BUNDLES, load_config_file

for config in BUNDLES.glob("*/configs/*.yaml"):
    with suppress(Exception):  # an unreadable config would end this interpreter, and fail every test of a command
        load_config_file(config)
inspect.stack()  # as Fire does for each command; the standard library remembers the file of each module
