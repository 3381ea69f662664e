# Unpacks one archive of NLTK data: unpack.py ARCHIVE FOLDER NAME BYTES FILES.
# Everything lands in FOLDER/NAME. A member that points elsewhere, a link, or too much of anything
# ends it with a message; sizes are counted as they are written, not believed from the archive.
import os
import stat
import sys
import zipfile

archive, folder, name, max_bytes, max_files = sys.argv[1:]
max_bytes, max_files = int(max_bytes), int(max_files)
base = os.path.join(folder, name)
os.mkdir(base)
written = 0
with zipfile.ZipFile(archive) as source:
    members = source.infolist()
    if len(members) > max_files:
        sys.exit("it holds more than %d files" % max_files)
    for member in members:
        parts = member.filename.split("/")
        if member.is_dir():
            continue
        if parts[0] == name and len(parts) > 1:
            parts = parts[1:]
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            sys.exit("it has a member with an unsafe name: %r" % member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            sys.exit("it has a member that is no regular file: %r" % member.filename)
        target = os.path.join(base, *parts)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with source.open(member) as read, open(target, "xb") as write:
            while True:
                block = read.read(1 << 16)
                if not block:
                    break
                written += len(block)
                if written > max_bytes:
                    sys.exit("it unpacks to more than %d bytes" % max_bytes)
                write.write(block)
