"""Messages: firings put into words."""
