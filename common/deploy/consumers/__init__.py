"""Support for programs that run archives: MONAI Label, MONAI Deploy and the MONAI model zoo."""
