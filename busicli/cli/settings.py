"""`busicli settings`."""

import typer

from busicli.cli.settings_file import template


def show_settings(context: typer.Context) -> None:
    """Print a settings file with every option as it is by default, to be kept as busicli.toml.

    It is read from the current folder, or from where --settings says; the command line goes first.
    """
    print("\n".join(template(context.find_root().command)))
