"""The page of 2019, told twice: ``clicks`` is how a story in a browser is told and played, ``the_page`` is that story,
``transcript`` reads and plays the one of commands, whose document is its own source."""
