"""From a specification to the rows of a launch, for the web and for the command line alike."""
