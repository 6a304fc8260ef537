"""The workspace side: users, groups, memberships, entitlements and tokens of a workspace, and the rules they obey.

A workspace is a realm of its own, known by its name. The SCIM door and the command line call the same functions of
``workspaces``, ``users``, ``groups`` and ``tokens`` with an :class:`~provisor.workspace.edit.Edit`: one transaction
that knows the workspace and the actor and writes the audit rows before it commits. ``rules`` is what a profile
(``databricks`` or ``standard``) refuses, ignores and reserves; ``members`` is the membership table, which alone says
who is in what; ``resources`` makes SCIM representations of rows and ``search`` answers lists and filters.

What is refused raises one of ``refusals``, each a sentence with its meaning in SCIM; what is no SCIM raises the
:class:`~provisor.scim.errors.ScimError` of the core. The directory is not known here: it comes in over the wire.
"""
