"""A packaged classifier at work: studies in, probabilities, heat maps and DICOM results out."""
