"""SCIM 2.0 (RFC 7643, 7644) over a workspace.

``routes`` finds the handler for a method and a path and turns whatever is raised into an error body; ``resources``
are Users, Groups and Me; ``discovery`` is what a server says about itself; ``requests`` reads bodies and headers,
``responses`` writes them. What is allowed and what it does is decided in ``provisor.workspace``.
"""
