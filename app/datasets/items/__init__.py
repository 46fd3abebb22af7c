"""Items: registering, measuring and preparing image/mask pairs."""
