"""Array functions: no paths, no Keras."""
