"""Provisor keeps accounts in step: a directory with a provisioning engine, and a workspace that it provisions.

The two sides meet only on the wire (SCIM 2.0 over HTTP). Where to begin reading:

* ``scim``, ``expressions``, ``provisioning`` are the core: plain values in, plain values out, no I/O;
* ``directory`` and ``workspace`` hold the two sides' data, ``sync`` runs a provisioning cycle between them;
* ``api`` and ``cli`` are the doors; ``compose`` is the one place that wires everything together.

``docs/lifecycle.md`` follows one person through a cycle and names the function behind each step.
"""

__version__ = "0.1.0"
