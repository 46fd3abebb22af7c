"""Which items train, validate and test."""
