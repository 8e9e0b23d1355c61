"""What a night may bring, at length: `make soak`. Not part of `make test`."""
