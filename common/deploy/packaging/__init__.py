"""Contents of an archive: configs, exported networks, model card, provenance and the library."""
