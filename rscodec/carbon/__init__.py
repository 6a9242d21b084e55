"""Forest carbon from imagery: an inventory becomes a map, and models learn to read the map off pixels."""
