"""The seven assets of a registered model. Thin shells: each calls a pure room and reports what it did."""
