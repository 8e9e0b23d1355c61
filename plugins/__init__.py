"""Architectures that ship with busicli, one file each; imported as `busicli.plugins`."""
