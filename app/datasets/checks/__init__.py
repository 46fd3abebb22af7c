"""Checks of a dataset: each file sees one kind of defect in what was measured of the items."""
