"""The three segmentation networks and the blocks that they share."""
