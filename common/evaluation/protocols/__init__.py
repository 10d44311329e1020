"""Protocols of comparisons: linear probe, few labels, cross-validation, and the runs of bundles that they need."""
