"""SCIM 2.0 as a language (RFC 7643, 7644): values in, values out, no I/O.

Who calls: the SCIM door and the workspace on the server's side, provisioning and its connectors on the client's.

* ``profiles`` says which attributes there are, in the terms of ``schema``; ``errors`` what can be wrong.
* A body becomes a resource in ``resource.accept`` (each value through ``values``); a representation is made in
  ``resource.assemble`` and cut in ``resource.project``.
* A PATCH goes through ``dialects`` (what clients send instead of what the RFC says) into ``patch``, which reads
  ``path`` and edits lists in ``elements``.
* A filter is read by ``filter`` into the tree of ``filter_tree``; ``matching`` makes it a function.
* ``messages`` are the lists, queries and self-descriptions around resources.
* ``requests`` is the client's side: a change as the requests that say it.
"""
