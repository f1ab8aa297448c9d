"""ActivityPub as pure functions over values: no I/O, no clock, no settings. Times come in as aware UTC datetimes."""
