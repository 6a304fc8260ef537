"""The directory and its provisioning over HTTP, in the shapes of Microsoft Graph (v1.0, with /beta as another name).

A view and nothing more: each call is the same function of the directory or the engine that a command or a page of the
portal calls. ``routes`` is the one table of what is spoken; whatever is not in it is answered 501.
"""
