"""SFTP as fsspec has it, except that a login that fails leaves nothing behind."""

from __future__ import annotations

from fsspec.implementations.sftp import SFTPFileSystem


class Sftp(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Known to fsspec by `server.py`, in place of its own."""

    def _connect(self) -> None:
        try:
            super()._connect()
        except BaseException:
            # Nobody has this object yet: its connection and thread would live on, one
            # more with every scan of a source that is refused.
            self.client.close()
            raise
