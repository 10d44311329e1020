"""Imported last by the interpreter whose forks are commands: forks then need not work this out again."""

import inspect

from tests.remembered import BUNDLES, load_config_file

for config in BUNDLES.glob("*/configs/*.yaml"):
    load_config_file(config)
inspect.stack()  # as Fire does for each command; the standard library remembers the file of each module
