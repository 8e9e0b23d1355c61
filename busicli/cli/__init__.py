"""The commands: each parses, calls one workflow and shows the outcome. Only here is printed."""
