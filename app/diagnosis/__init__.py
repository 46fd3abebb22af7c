"""Why does a run fail: detectors over its history, and what its numbers prove. Pure; numpy only."""
