"""Use cases that compose the layers below; what the command line and Python offer is done here."""
