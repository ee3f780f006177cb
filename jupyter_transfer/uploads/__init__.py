"""Uploads: from the body of a request to a file that stands whole under its name.

    handlers -> manager.Uploads -> append.Append -> writer.Writer -> session.Session -> parts
                       |                                                 ^
                       '-> storage.Storage, assemblies.Assemblies -------'

The protocols know `Uploads` and what it returns, nothing below it: `create`, `append`, `state`,
`concatenate`, `terminate`. The offset is always asked of the session, which reads it in the journal
on disk; no handler and no row remembers it.
"""
