"""Finding architectures: shipped ones, those that other packages register, single files.

All come through an entry point of the group `busicli.models` or through `--plugin FILE`. A listing
imports only the plugins' files, and these import no framework before `build`.
"""

import importlib.util
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType

from busicli.errors import InputError
from busicli.io.files import sha256_file
from busicli.models.architecture import Architecture

GROUP = "busicli.models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """Where a named architecture comes from; nothing of it is imported yet."""

    name: str
    origin: str
    """The distribution and object, or the file."""
    entry_point: EntryPoint | None = None
    file: Path | None = None

    def load(self) -> Architecture:
        """Import the plugin. Raises InputError, which names the plugin, for any error in it."""
        try:
            loaded = self.entry_point.load() if self.entry_point else _from_file(self.file)
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # a broken plugin must break nothing else
            raise InputError(
                f"the plugin {self.name} ({self.origin}) cannot be loaded: "
                f"{type(error).__name__}: {error}{location(error)}; fix or uninstall it."
            ) from error
        if not isinstance(loaded, Architecture):
            raise InputError(
                f"the plugin {self.name} ({self.origin}) is a {type(loaded).__name__}; "
                "it must be a busicli.models.architecture.Architecture."
            )
        return loaded


def location(error: BaseException, file: str | None = None) -> str:
    """` (NAME, line N)`: the last line of a plugin's file that led to an error; empty if none did.

    Without `file` it is the first that is neither of busicli nor of the import system. Empty for
    syntax errors too: their own text names the line.
    """
    frames = traceback.extract_tb(error.__traceback__)
    file = file or next((f.filename for f in frames if not _is_importing(f.filename)), None)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    if file is None or not lines or isinstance(error, SyntaxError):
        return ""
    return f" ({Path(file).name}, line {lines[-1]})"


def _is_importing(file: str) -> bool:
    folders = (Path(__file__).parents[1], Path(importlib.__file__).parent)
    return file.startswith("<frozen ") or any(folder in Path(file).parents for folder in folders)


def installed() -> list[Plugin]:
    """Every registered plugin, by name; nothing is imported. Editable installs count once."""
    points = {(point.name, point.value): point for point in entry_points(group=GROUP)}
    plugins = [
        Plugin(name=point.name, origin=_origin(point), entry_point=point)
        for point in points.values()
    ]
    return sorted(plugins, key=lambda plugin: (plugin.name, plugin.origin))


def from_files(files: Iterable[Path]) -> list[Plugin]:
    """The plugins of single files; each file is imported to read its architecture's name.

    A broken one gets the file's name, so that a listing can show the reason.
    """
    plugins = []
    for file in files:
        nameless = Plugin(name=file.name, origin=str(file), file=file)
        try:
            name = nameless.load().name
        except InputError:
            name = nameless.name
        plugins.append(Plugin(name=name, origin=str(file), file=file))
    return plugins


def of_file(file: Path) -> Architecture:
    """The architecture that a single file declares, whatever else is installed.

    Raises InputError where the file does not exist or is broken.
    """
    return Plugin(name=file.name, origin=str(file), file=file).load()


def plugin_hashes(name: str | None, files: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of the given files and, if an architecture is named, of the one that declares it.

    By file name, which gets a number where several files share it. A plugin's code decides what its
    network computes.
    """
    used = list(files)
    point = next((each.entry_point for each in installed() if each.name == name), None)
    spec = importlib.util.find_spec(point.module) if point else None
    if spec and spec.origin:
        used.append(Path(spec.origin))
    found: dict[str, str] = {}
    for path in used:
        alike = sum(path.name == other.name for other in used[: used.index(path)])
        found[f"{path.name} ({alike + 1})" if alike else path.name] = sha256_file(path)
    return found


def find(name: str, files: Sequence[Path] = ()) -> Architecture:
    """The architecture of that name; no plugin is imported but it and the files given.

    Raises InputError for an unknown name, for two plugins of one name, for a broken plugin.
    """
    given = from_files(files)
    plugins = [*installed(), *given]
    matching = [plugin for plugin in plugins if plugin.name == name]
    if not matching:
        for plugin in given:
            plugin.load()  # a broken file may be the one that was meant: report why it is
        known = ", ".join(sorted({plugin.name for plugin in plugins})) or "none"
        raise InputError(
            f"there is no model {name}; known are: {known}. "
            "Install its plugin or give --plugin FILE."
        )
    if len(matching) > 1:
        origins = " and ".join(plugin.origin for plugin in matching)
        raise InputError(f"two plugins are named {name}: {origins}; remove or rename one.")
    return matching[0].load()


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "unknown package"
    return f"{package}: {point.value}"


class _SourceLoader(SourceFileLoader):
    """Runs a file as it is: compiled code beside it may be of other text of its size and second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _from_file(file: Path | None) -> object:
    if file is None or not file.is_file():
        raise InputError(f"there is no plugin file {file}; check the path given to --plugin.")
    if file.suffix != ".py":
        raise InputError(f"the plugin file {file} is no Python file; its name must end in .py.")
    loader = _SourceLoader(f"busicli_plugin_{file.stem}", str(file))
    spec = ModuleSpec(loader.name, loader, origin=str(file))
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a module up by its name
    loader.exec_module(module)
    if not hasattr(module, "ARCHITECTURE"):
        raise InputError(f"the plugin file {file} declares no ARCHITECTURE; add one.")
    return module.ARCHITECTURE
