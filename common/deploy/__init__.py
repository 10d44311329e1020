"""Packages of trained classifiers: how they are made, checked and used, down to DICOM reports."""
