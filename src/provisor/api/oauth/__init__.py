"""Where a tenant's clients sign in: OAuth 2.0 for programs, at the addresses and in the words of Entra ID.

There is one grant, a client's own (RFC 6749 §4.4); people sign in to the portal. ``caller`` tells the APIs that take
these tokens who asks.
"""
