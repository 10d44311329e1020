"""Proof that an archive is what its maker sent, and that nothing in it can run code: manifest, signature, scan."""
