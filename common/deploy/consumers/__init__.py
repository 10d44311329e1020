"""Archives in the programs that run them: MONAI Label, MONAI Deploy and the MONAI model zoo."""
