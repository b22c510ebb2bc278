"""ZIP archives: one reading whose sections are the files in the archive."""

import io
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.members import Members, ReadMember, shown_name
from info_assistant.model.reading import Reading

_MOST_RATIO = 100
# Small files may compress to nothing without harm.
_RATIO_SLACK = 1_000_000
_ENCRYPTED = 0x1
_NAME_IS_UTF8 = 0x800
_MODE_SHIFT = 16
# What file systems and office programs leave behind, which nobody means to send.
_LEFTOVERS = {".ds_store", "thumbs.db", "desktop.ini"}
_CORRUPT = "This archive is damaged. Pack it again and resend it."
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, OSError)


def open_archive(data: bytes) -> zipfile.ZipFile:
    """Open a ZIP, after refusing what unpacks to far more than its size; nothing is unpacked.

    Office files are such archives too. An archive cannot give more than it declares, as reading
    stops there.
    Raises Unreadable (corrupt, limits).
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _BROKEN as exc:
        raise Unreadable("corrupt", _CORRUPT) from exc
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _RATIO_SLACK + _MOST_RATIO * len(data):
        raise Unreadable(
            "limits",
            f"This file unpacks to {unpacked / 1e6:,.0f} MB, more than {_MOST_RATIO} times its "
            "size; it is not opened. Send its contents in another form.",
        )
    return archive


def read_zip(archive: zipfile.ZipFile, conditions: Conditions, read: ReadMember) -> Reading:
    """Read what lies in an archive. Raises Unreadable (encrypted, limits, empty, …)."""
    members = Members("zip", conditions, read)
    if members.too_deep:
        raise Unreadable(
            "limits", "Archives lie in archives here, too deep to be opened. Unpack the outer ones."
        )
    files = [member for member in archive.infolist() if _is_meant(member)]
    _require_room(files, conditions)
    for number, file in enumerate(files, 1):
        _add(members, archive, file)
        conditions.on_progress(number, len(files), "files")
    if not members.blocks:
        raise _nothing_read(members.refusals)
    return Reading(tuple(members.blocks), notes=members.told())


def _require_room(files: Sequence[zipfile.ZipInfo], conditions: Conditions) -> None:
    """Take the archive's share of what may be unpacked. Raises Unreadable (limits)."""
    room, size = conditions.unpacking, sum(file.file_size for file in files)
    if len(files) > room.members_left or size > room.bytes_left:
        raise Unreadable(
            "limits",
            f"This archive holds {len(files):,} files of {size / 1e6:,.0f} MB together; at most "
            f"{room.members_left:,} files of {room.bytes_left / 1e6:,.0f} MB are read from one "
            "document, archives in it included. Send them one by one.",
        )
    room.members_left -= len(files)
    room.bytes_left -= size


def _add(members: Members, archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> None:
    name = _name(file)
    if file.flag_bits & _ENCRYPTED:
        members.leave_out(
            name, Unreadable("encrypted", "It is protected by a password. Send it without one.")
        )
        return
    try:
        data = archive.read(file)
    except (*_BROKEN, RuntimeError):
        members.leave_out(name, Unreadable("corrupt", "It is damaged inside the archive."))
        return
    members.add(name, data)


def _is_meant(file: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(shown_name(file.filename))
    leftover = path.name.lower() in _LEFTOVERS or path.name.startswith(("~$", "._"))
    link = stat.S_ISLNK(file.external_attr >> _MODE_SHIFT)
    return not (file.filename.endswith("/") or link or leftover or "__MACOSX" in path.parts)


def _name(file: zipfile.ZipInfo) -> str:
    """Return a member's path; many programs write UTF-8 without saying so."""
    if file.flag_bits & _NAME_IS_UTF8:
        return shown_name(file.filename)
    try:
        return shown_name(file.filename.encode("cp437").decode("utf-8"))
    except UnicodeError:
        return shown_name(file.filename)


def _nothing_read(refusals: Sequence[Unreadable]) -> Unreadable:
    """Return why an archive gives no reading: its files' own reason if they share one."""
    if not refusals:
        return Unreadable(
            "empty", "This archive holds no files. Check that the right one was sent."
        )
    kinds = {error.kind for error in refusals}
    return Unreadable(
        kinds.pop() if len(kinds) == 1 else "unsupported",
        f"None of the {len(refusals):,} files in this archive can be read. The first: "
        f"{refusals[0].message}",
    )
