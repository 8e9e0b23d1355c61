"""Every command of the program."""

from busicli.cli.app import app


def command_tree():
    from typer.main import get_command

    return get_command(app)


def leaves(command, names=()):
    below = getattr(command, "commands", None)
    if below is None:
        return [(names, command)]
    return [leaf for name, one in below.items() for leaf in leaves(one, (*names, name))]


LEAVES = leaves(command_tree())
