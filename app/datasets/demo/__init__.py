"""The generated demo data."""
