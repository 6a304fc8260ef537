"""PostgreSQL: the one database, embedded on one machine or elsewhere.

``embedded`` is the life cycle of the server inside a data folder, ``pool`` the connections (asyncpg), ``migrate`` the
schema's revisions, ``queries`` the SQL files by group of tables. ``compose`` opens a :class:`~provisor.storage.pool.
Database` and hands it to the directory, the workspace and the engine; nothing here knows what the tables mean.
"""
