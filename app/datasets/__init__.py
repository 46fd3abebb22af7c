"""Image/mask pairs: reading, pairing, indexing, splitting and preparing them. No database, no TensorFlow."""
