"""A project's definitions: its defs folder, broken YAML files, names that occur once, resources for commands."""
