"""Why does a run fail: detectors over its history. Pure; numpy only."""
