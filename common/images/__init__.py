"""What a file or folder holds as an image: kind, geometry and voxels, decided once for all who read."""
