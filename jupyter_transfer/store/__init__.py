"""The database of a server: jobs, their files, uploads. The only SQL of the package.

It caches what the journals on disk know better and remembers what was asked for. Every method is
synchronous, short, and may be called from any thread; the server calls them from one thread of its
own, never from its loop.

A revision is a whole number that grows with every change of any job, over restarts too, so that a
client can ask for what changed since it last looked.
"""

from __future__ import annotations

from .jobs import JobQueries
from .uploads import UploadQueries


class Store(JobQueries, UploadQueries):
    """The database in the folder `state_dir`; see `Database`."""
