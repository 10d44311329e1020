"""Metrics with intervals over subjects, tests of differences, calibration."""
