"""From object code to running programs: worker threads and the cache on disk."""
