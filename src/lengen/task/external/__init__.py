"""Reading external data sets."""
