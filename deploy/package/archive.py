"""The zip file of a folder, with the same bytes wherever and whenever it is made."""

import hashlib
import zipfile
from pathlib import Path
from typing import Final

MOMENT: Final = (2020, 1, 1, 0, 0, 0)  # a zip file can't name a time before 1980
MODE: Final = 0o100644  # a regular file that all may read
UNIX: Final = 3


def write_zip(folder: Path, to: Path) -> None:
    """Write the files of a folder, sorted by name, with one time and one mode."""
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, UNIX, MODE << 16
            archive.writestr(entry, path.read_bytes())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
