"""Prediction with a packaged classifier: from studies to probabilities, heat maps and DICOM results."""
