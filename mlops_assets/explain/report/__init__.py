"""The explanation report and the pictures of an asset page."""
