"""Packages and the folders that they are in; all else is in setup.cfg, which cannot add to what ``find`` finds."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["common", "common.*"]), "clinical_ssl", "clinical_ssl.bundles"],
    package_dir={"clinical_ssl": "scripts", "clinical_ssl.bundles": "bundles"},
    package_data={
        "": ["*.css", "*.json", "*.j2", "versions.txt"],
        # all that commands read, without weights and samples
        "clinical_ssl.bundles": [
            f"*/{name}" for name in ("LICENSE", "*.md", "*.yaml", "configs/*", "docs/*", "parameters/*")
        ],
    },
)
