"""The training engine: deterministic, resumable after every epoch, live at every step."""
