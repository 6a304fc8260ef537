"""Who acts and what they may do.

``actors`` names whoever acts, ``roles`` is the one table that says what each role may do and the one function that
asks it, ``tokens`` makes and recognises access tokens, ``secrets`` encrypts what must be sent on to other systems,
``passwords`` and ``sessions`` are how people sign in to the console.
Every call into the directory, the workspace and the engine names its actor; doors only find out who that is.
"""
