"""Readers and writers: each IO manager says how one kind of thing is loaded and stored."""
