"""Reading of images: one place decides the kind, geometry and voxels of a file or folder, for all readers."""
