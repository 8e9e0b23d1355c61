"""How every command is shown and run: options under headings, examples, silence on request."""

from typing import Any

from typer.core import TyperCommand, TyperGroup


class PrintingCommand(TyperCommand):
    """A command whose help lists its options by purpose: by their `rich_help_panel`.

    One that does nothing but print what was asked for; --quiet does not silence it.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then each group of options in the order of their first."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            panel = getattr(param, "rich_help_panel", None)
            other = "Arguments" if param.param_type_name == "argument" else "Options"
            groups.setdefault(panel or other, []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


class Command(PrintingCommand):
    """One that works, and says how it went unless --quiet is given."""

    def invoke(self, ctx: Any) -> Any:
        """Run it; after --quiet nothing is said but errors, warnings and JSON."""
        if not ctx.find_root().params.get("quiet"):
            return super().invoke(ctx)
        from busicli.cli.progress import quietly  # tqdm is not needed for --help

        with quietly(all_of_stdout=not ctx.params.get("as_json")):
            return super().invoke(ctx)


class Program(TyperGroup):
    """The program, whose help lists its commands by purpose."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each group of commands in the order of their first."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            if not command.hidden:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                groups.setdefault(panel, []).append((name, command.get_short_help_str(80)))
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def examples(*lines: str) -> str:
    """The end of a command's help, its lines kept as they are."""
    return "Examples:\n\n\b\n" + "\n".join(f"    {line}" for line in lines)
