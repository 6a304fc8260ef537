"""The directory side: tenant, users, groups, applications, assignments and owners, and the feed of their changes.

Doors and commands call the functions of ``users``, ``groups``, ``applications`` and ``assignments`` with an
:class:`~provisor.directory.edit.Edit`: one transaction that knows the tenant and the actor, and that writes the audit
rows and, last of all, the change feed. A provisioning cycle sees none of this: it reads through ``source``, which
implements the Source contract of ``connectors.base``. ``importer`` reads CSV and JSON lines.
"""
