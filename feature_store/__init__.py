"""Events to features: the only home of Feast, Kafka, LMDB and DuckDB."""
