"""How many defects the dataset checks find, and how often they accuse healthy sets: `python -m benchmarks.checks`."""
