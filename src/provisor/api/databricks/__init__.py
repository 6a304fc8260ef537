"""Databricks' own APIs over a workspace, beside SCIM: groups by name, access tokens, who may use them, settings.

Paths, arguments and answers are those of Azure Databricks' REST API 2.0; each module has the endpoints of one part of
it, ``routes`` the one table of them all.
"""
