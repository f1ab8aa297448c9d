"""Reading, transcoding and signing media files.

Only `process`, `sniff`, `digest` and `captions` are imported by the server. The others load libav, Pillow or libc2pa and run in
child processes alone (`child`), where a hostile file can hurt nobody.
"""
