"""Protocols for comparisons: linear probe, few labels, cross-validation, and the bundle runs that they need."""
