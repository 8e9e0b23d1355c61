"""The weights that ship with busicli, imported as `busicli.shipped`; pins.json holds hashes."""
