"""Verification that an archive is unchanged and cannot run code: manifest, signature, scan."""
