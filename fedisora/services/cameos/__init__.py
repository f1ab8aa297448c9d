"""Cameos: videos with somebody's likeness, made on that person's own instance and shown with their consent alone.

`asking` is the side of whoever makes the video, `answering` that of the person who is shown, `publishing` what comes when the
draft becomes a post. The steps are in docs/federate; ADR 0017 says why they are such.
"""
