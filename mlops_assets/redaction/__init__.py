"""The one place where addresses and foreign errors become text: without the secrets in them."""
