"""Creating a plugin: a file, its test and its project file, ready to install and to pass."""

import importlib.util
import keyword
from importlib.resources import files as package_files
from pathlib import Path
from string import Template

from busicli.errors import InputError
from busicli.io.files import atomic_write
from busicli.models.architecture import PLACEHOLDER, is_name
from busicli.models.registry import installed

TEMPLATE = "busicli.models"


def new_plugin(name: str, folder: Path) -> list[str]:
    """Write the plugin `name` into a new or empty folder; returns the names of its files.

    The plugin's own file comes first. Raises InputError where the name is not allowed or is taken,
    and where the folder holds anything: nothing is ever overwritten.
    """
    module = _module(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty; name another folder with --out.")
    words = {
        "name": name,
        "module": module,
        "camel": "".join(part.capitalize() for part in name.split("-")),
        "decide": PLACEHOLDER,
    }
    written = {
        f"{module}.py": "plugin.txt",
        f"test_{module}.py": "test.txt",
        "pyproject.toml": "pyproject.txt",
    }
    templates = package_files(TEMPLATE) / "template"
    for file, template in written.items():
        text = Template((templates / template).read_text(encoding="utf-8")).substitute(words)
        atomic_write(folder / file, text.encode())
    return list(written)


def _module(name: str) -> str:
    """The name of the plugin's Python module, if both names are free."""
    if not is_name(name):
        raise InputError(
            f"{name} cannot name a model; use words of lower-case letters and digits, a letter "
            "first, joined by hyphens, such as improved-unet."
        )
    for plugin in installed():
        if plugin.name == name:
            raise InputError(f"there is a model {name} ({plugin.origin}); choose another name.")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or importlib.util.find_spec(module) is not None:
        raise InputError(
            f"{module} is a module or keyword of Python, and the plugin's file would have its "
            "name; choose another name."
        )
    return module
