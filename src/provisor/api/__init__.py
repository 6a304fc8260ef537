"""The doors: what comes in over HTTP is translated here, once, and decided elsewhere.

``door`` makes the ASGI application: it finds the workspace that an address means and hands the rest of the path on.
``envelope`` is around every answer (request id, limits, security headers, errors that nobody expected), ``errors`` is
the one table from what is raised to what is answered, ``credentials`` reads who comes, ``health`` tells whether the
process and its database live. ``scim`` is SCIM 2.0 over a workspace. ``server`` runs the application.
"""
