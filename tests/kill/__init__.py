"""kill -9 at many points of a cycle, and PostgreSQL restarted under load: each time everything ends as it should be."""
