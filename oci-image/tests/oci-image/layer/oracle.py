"""Reads archives as Python's tarfile does: each on stdin behind its length, each as lines on stdout."""

import hashlib
import io
import struct
import sys
import tarfile


def members(archive):
    for member in tarfile.open(fileobj=io.BytesIO(archive), mode="r:", errors="surrogateescape"):
        content = member.isreg() and tarfile.open(fileobj=io.BytesIO(archive), mode="r:").fileobj
        if content:
            content.seek(member.offset_data)
            content = content.read(member.size)
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
            hashlib.sha256(content or b"").hexdigest(),
        )


while length := sys.stdin.buffer.read(8):
    archive = sys.stdin.buffer.read(struct.unpack("<Q", length)[0])
    try:
        for member in members(archive) if archive else ():
            print(" ".join(member))
        print("end")
    except Exception as error:
        print("error", type(error).__name__, str(error).encode("ascii", "replace").decode())
