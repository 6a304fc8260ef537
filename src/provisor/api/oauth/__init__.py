"""Where a tenant's clients sign in, and applications learn who somebody is: OAuth 2.0 and OpenID Connect, at the
addresses and in the words of Entra ID.

There are two grants: a client's own (RFC 6749 §4.4), and the code that a browser brings from the authorization endpoint
(§4.1), which is a page of the portal. ``caller`` tells the APIs that take clients' tokens who asks.
"""
