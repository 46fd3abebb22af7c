"""What the numbers of a history alone prove: one argument a file, put together in `examination`."""
