"""On which file systems a database may lie."""

from __future__ import annotations

import ctypes
import os

# statfs(2) f_type of file systems on which several machines may see one file, where SQLite's WAL
# (shared memory) does not work.
_NETWORK_FILE_SYSTEMS = {
    0x6969,  # NFS
    0x517B,  # SMB
    0xFE534D42,  # SMB2
    0xFF534D42,  # CIFS
    0x00C36400,  # Ceph
    0x0BD00BD0,  # Lustre
    0x47504653,  # GPFS
    0x65735546,  # FUSE (JuiceFS, s3fs, sshfs, GlusterFS …)
    0x01021997,  # 9P
    0x5346414F,  # AFS
    0x20030528,  # OrangeFS
    0x7461636F,  # OCFS2
    0x01161970,  # GFS2
    0x19830326,  # BeeGFS
}


def on_network_filesystem(path: str) -> bool:
    """Whether `path` lies on a file system that other machines may write too (by statfs)."""
    buffer = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statfs(os.fsencode(path), buffer) != 0:
        return True  # unknown: take the careful way
    kind = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_long))[0] & 0xFFFFFFFF
    return kind in _NETWORK_FILE_SYSTEMS
