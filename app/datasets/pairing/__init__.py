"""Which image belongs to which mask, and which items to one acquisition."""
