"""Provenance vocabularies that ship with Fedisora. Each is written as a stranger would: it sees one public module."""
