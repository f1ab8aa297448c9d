"""What a file is and who says so: records, C2PA manifests, certificates, consent, credentials, extensions.

Pure: no I/O, time is passed in.
"""
