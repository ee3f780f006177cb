"""The engine: the one piece of code that moves bytes between a remote side and the disk.

``plan`` asks the remote side what it has, ``fetch`` brings one file in ranges or as one stream
over ``transport`` (libcurl), ``journal`` keeps on disk what is done, ``verify`` proves the bytes,
``job`` runs a whole job and reports. It knows nothing of Jupyter, Tornado or SQLite; what drives
it (a worker, the CLI) hands it a `Control` to be asked and a `Report` to be told.
"""
