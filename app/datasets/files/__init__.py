"""Reading one file as pixels, whatever it is stored as and however hostile it is."""
