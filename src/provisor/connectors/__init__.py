"""Other systems, one file each, behind two contracts.

``base`` has the contracts: a Source that people are read from, a Target that accounts are written to. ``scim`` is the
target that speaks SCIM 2.0, over ``http``, as fast as ``governor`` finds that it can; ``notify`` tells people. A
connector knows its contract and nothing else of Provisor's data; every target passes ``tests/conformance``.
"""
