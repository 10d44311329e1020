"""A service in a hospital's network: DICOM studies in, results back, a queue on disk in between."""
