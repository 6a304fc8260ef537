"""Other systems, one file each, behind two contracts.

``base`` has the contracts: a Source that people are read from, a Target that accounts are written to. ``scim`` is the
target that speaks SCIM 2.0, over ``http``. A connector knows its contract and nothing else of Provisor's data; every
implementation passes ``tests/conformance``.
"""
