"""What a training minimises: one file for each family, `building` makes a loss from its specification."""
