"""The library of the course Boxes to Meshes."""
