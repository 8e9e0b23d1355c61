"""Files and folders that operating systems and network drives leave among a user's own."""

import fnmatch
from collections.abc import Iterator
from pathlib import Path

from busicli.errors import InputError
from busicli.io.files import walk

_FILES = {
    "._*": "macOS",
    ".DS_Store": "macOS",
    ".localized": "macOS",
    "Icon\r": "macOS",
    "Thumbs.db": "Windows",
    "ehthumbs.db": "Windows",
    "ehthumbs_vista.db": "Windows",
    "desktop.ini": "Windows",
    "~$*": "Microsoft Office",
    ".~lock.*": "LibreOffice",
    ".directory": "KDE",
    ".nfs????????*": "NFS",
    "*@SynoEAStream": "Synology",
    "*@SynoResource": "Synology",
}
_FOLDERS = {
    "__MACOSX": "macOS",
    ".AppleDouble": "macOS",
    ".AppleDesktop": "macOS",
    ".TemporaryItems": "macOS",
    ".Trashes": "macOS",
    ".Trash": "macOS",
    ".fseventsd": "macOS",
    ".Spotlight-V100": "macOS",
    ".DocumentRevisions-V100": "macOS",
    "Network Trash Folder": "macOS",
    "$RECYCLE.BIN": "Windows",
    "RECYCLER": "Windows",
    "System Volume Information": "Windows",
    "@eaDir": "Synology",
    "#recycle": "Synology",
    "#snapshot": "Synology",
    "@Recycle": "QNAP",
    "@Recently-Snapshot": "QNAP",
    ".@__thumb": "QNAP",
    ".snapshot": "a network drive",
    "~snapshot": "a network drive",
    ".zfs": "a network drive",
    ".Trash-*": "Linux",
    ".thumbnails": "Linux",
    "lost+found": "Linux",
    ".ipynb_checkpoints": "Jupyter",
}


def litter_file(name: str) -> str:
    """Whose file it is that nobody put there; empty for any other name.

    >>> litter_file("._a.png"), litter_file("thumbs.db"), litter_file("a.png")
    ('macOS', 'Windows', '')
    """
    return _owner(name, _FILES)


def litter_folder(name: str) -> str:
    """Whose folder it is: thumbnails, snapshots, deleted files; empty for any other name.

    >>> litter_folder("@eaDir"), litter_folder("benign")
    ('Synology', '')
    """
    return _owner(name, _FOLDERS)


def files_below(folder: Path, *, besides: Path | None = None) -> Iterator[Path]:
    """Every file of a user below a folder, sorted by name; nothing hidden, no litter.

    Links to folders are followed, each folder is entered once, and `besides` not at all. Raises
    InputError where a part cannot be read.
    """
    closed: list[OSError] = []
    entered = {folder.resolve(), *([besides.resolve()] if besides else ())}
    for here, folders, names in walk(folder, closed.append, follow_links=True):
        own = [name for name in sorted(folders) if not (name[0] == "." or litter_folder(name))]
        folders.clear()
        for name in own:
            if (real := (here / name).resolve()) not in entered:
                entered.add(real)
                folders.append(name)
        for name in sorted(names):
            if not (name.startswith(".") or litter_file(name)):
                yield here / name
    if closed:
        raise InputError(
            f"{closed[0].filename} cannot be read: {closed[0].strerror}; allow that, or move it."
        )


def _owner(name: str, owners: dict[str, str]) -> str:
    name = name.lower()
    matches = (own for form, own in owners.items() if fnmatch.fnmatchcase(name, form.lower()))
    return next(matches, "")
