"""``jupyter transfer``: the transfers on the command line.

It drives the Jupyter server that serves the working folder, if one does, else the same engine in
this process (`local`).
"""
