"""Queries as functions of a session, one file per table family. No rules live here, only reading and writing rows."""
