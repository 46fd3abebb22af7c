"""Pure definitions shared by every other room: no I/O, no framework."""
