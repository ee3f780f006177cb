"""A sync makes a folder equal to another: both are listed, what differs is planned and shown, and
the runs that fetch and send move it. Files that the source lacks are removed last, when a person
has seen which, and only if all the others arrived.
"""
