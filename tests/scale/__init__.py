"""Objects and buckets far larger than this machine, made as they are asked for."""
