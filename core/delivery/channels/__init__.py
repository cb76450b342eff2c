"""One file a channel: its settings, its text, how it sends. Found by core.delivery.registry."""
