"""Applies a layer as a program does that trusts in it: by paths, one entry after the other."""

import os
import shutil
import sys
import tarfile

root = sys.argv[1]


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


# What Python checks by itself since 3.14.
tarfile.TarFile.extraction_filter = staticmethod(lambda member, path: member)
for member in (archive := tarfile.open(fileobj=sys.stdin.buffer, mode="r|")):
    directory, name = os.path.split(os.path.join(root, member.name))
    if name == ".wh..wh..opq":
        for name in os.listdir(directory):
            remove(os.path.join(directory, name))
    elif name.startswith(".wh."):
        remove(os.path.normpath(os.path.join(directory, name[4:])))
    else:
        member.name = os.path.normpath(os.path.join(directory, name))
        if member.islnk():
            member.linkname = os.path.join(root, member.linkname)
        if os.path.isdir(member.name) and not member.isdir():
            remove(member.name)
        archive.extract(member, root)
