"""The page to look through: small pictures, what is shown of each scan, and the page itself."""
