"""Reads archives as Python's tarfile does: each on stdin behind its length, each as lines on stdout."""

import base64
import hashlib
import io
import re
import struct
import sys
import tarfile
import urllib.parse


def xattrs(records):
    """Extended attributes, which tarfile only hands on: in the common form, and in libarchive's own."""
    found = {}
    for key, value in records.items():
        value = value.encode("utf-8", "surrogateescape")
        for prefix, read in ("LIBARCHIVE.xattr.", libarchive), ("SCHILY.xattr.", lambda *both: both):
            if key.startswith(prefix):
                try:
                    name, value = read(key.removeprefix(prefix).encode("utf-8", "surrogateescape"), value)
                except ValueError:
                    continue
                found[name] = value
    return (f"{name.hex()}={value.hex()}" for name, value in found.items())


def libarchive(name, value):
    """What is malformed is skipped: Python itself would make something of it."""
    decoded = base64.b64decode(value + b"==")
    encoded = base64.b64encode(decoded)
    if value not in (encoded, encoded.rstrip(b"=")) or re.search(rb"%(?![0-9A-Fa-f]{2})", name):
        raise ValueError(name, value)
    name = urllib.parse.unquote_to_bytes(name)
    if not name or b"\0" in name:
        raise ValueError(name)
    return name, decoded


def members(archive):
    for member in tarfile.open(fileobj=io.BytesIO(archive), mode="r:", errors="surrogateescape"):
        content = archive[member.offset_data :][: member.size] if member.isreg() else b""
        yield (
            member.name.encode("utf-8", "surrogateescape").hex() or "-",
            member.type.hex(),
            format(member.mode & 0o7777, "o"),
            str(member.uid),
            str(member.gid),
            str(member.size),
            repr(float(member.mtime)),
            member.linkname.encode("utf-8", "surrogateescape").hex() or "-",
            f"{member.devmajor}:{member.devminor}",
            ",".join(sorted(xattrs(member.pax_headers))) or "-",
            hashlib.sha256(content).hexdigest(),
        )


while length := sys.stdin.buffer.read(8):
    archive = sys.stdin.buffer.read(struct.unpack("<Q", length)[0])
    try:
        for member in members(archive):
            print(" ".join(member))
        print("end", flush=True)
    except Exception as error:
        print("error", type(error).__name__, ascii(str(error)), flush=True)
