"""The commands of ``mlops-assets``, one file each; `all_commands` lists them."""
