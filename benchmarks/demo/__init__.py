"""The demo clips that the repository owns, and the scripts that made them."""
