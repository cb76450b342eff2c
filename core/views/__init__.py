"""What screens and the API show: frozen rows, scoped by the viewer, paged by key. Only saved_filters writes."""
