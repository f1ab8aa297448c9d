"""Abstract scenes: flowing cloth, and deep space with a planet."""
from __future__ import annotations

import math

import numpy as np

from .palette import Field, field, noise, ramp, sample


class Silk:
    """Domain-warped folds, lit like cloth."""

    def __init__(self, kind: str, words: frozenset[str], stops: Field, rng: np.random.Generator, width: int, height: int) -> None:
        self.colours = ramp(stops)
        self.accent = stops[4]
        unit = float(min(width, height))
        zoom = 900 / unit * rng.uniform(.8, 1.1)
        yy, xx = (item.astype(np.float32) for item in np.mgrid[0:height, 0:width])
        angle = rng.uniform(.15, math.pi - .15)
        x, y = xx - width / 2, yy - height / 2
        self.x = (x * math.cos(angle) - y * math.sin(angle)) * zoom * .62
        self.y = (x * math.sin(angle) + y * math.cos(angle)) * zoom * 1.5
        self.low = [sample(noise(rng, 3.0, .022), self.x * .6, self.y * .6) for _ in range(4)]
        self.folds = (noise(rng, 2.6, .03), noise(rng, 2.6, .03))
        self.warp = rng.uniform(70, 115)

    def frame(self, u: float) -> Field:
        """The picture at a moment of the loop."""
        turn = 2 * math.pi * u
        cos, sin = math.cos(turn), math.sin(turn)
        bend_x = self.low[0] * cos + self.low[1] * sin
        bend_y = self.low[2] * cos + self.low[3] * sin
        x, y = self.x + self.warp * bend_x, self.y + self.warp * bend_y
        height = (sample(self.folds[0], x, y) * (1 + .25 * cos) + sample(self.folds[1], x + 200, y + 90) * (.9 + .25 * sin)) * .72
        slope_y, slope_x = np.gradient(height)
        steep = 34.0
        normal = 1 / np.sqrt(1 + (steep * slope_x) ** 2 + (steep * slope_y) ** 2)
        shade = (.35 * -steep * slope_x + .5 * -steep * slope_y + .79) * normal
        gloss = np.clip(shade, 0, 1) ** 18
        at = np.clip((height * .21 + .50 + .20 * (shade - .55)) * 1023, 0, 1023).astype(np.int32)
        rgb = self.colours[at] * (.30 + .95 * np.clip(shade, 0, 1.2))[..., None]
        return field(rgb + gloss[..., None] * self.accent * .55)


class Space:
    """A nebula that breathes, stars at three distances, a planet with a thin lit rim."""

    def __init__(self, kind: str, words: frozenset[str], stops: Field, rng: np.random.Generator, width: int, height: int) -> None:
        self.stops, self.w, self.h = stops, width, height
        unit = float(min(width, height))
        self.yy, self.xx = (item.astype(np.float32) for item in np.mgrid[0:height, 0:width])
        zoom = 420 / unit
        warp = sample(noise(rng, 2.4, .02), self.xx * zoom * .7, self.yy * zoom * .7)
        self.cloud = [sample(noise(rng, 1.75), self.xx * zoom + 60 * warp, self.yy * zoom + 45 * warp) for _ in range(2)]
        self.veil = [sample(noise(rng, 2.0), self.xx * zoom * .8 + 40 * warp + 99, self.yy * zoom * .8) for _ in range(2)]
        count = int(width * height / 420)
        self.star_x, self.star_y = rng.integers(1, width - 1, count), rng.integers(1, height - 1, count)
        self.star_light = (rng.pareto(1.7, count) * .12 + .03).clip(0, 2.4).astype(np.float32)
        self.star_phase, self.star_rate = rng.random(count) * 2 * math.pi, rng.integers(1, 4, count)
        self.star_tint = stops[5] * (1 - (mix := rng.random((count, 1)).astype(np.float32) * .6)) + stops[4] * mix
        radius = unit * rng.uniform(.24, .32)
        x, y = width * rng.uniform(.3, .7), height * rng.uniform(.6, .74)
        away = np.hypot(self.xx - x, self.yy - y)
        self.disc = np.clip(radius - away + .5, 0, 1)[..., None]
        towards = ((self.xx - x) * -.62 + (self.yy - y) * -.72) / radius
        z = np.sqrt(np.clip(1 - (away / radius) ** 2, 0, 1))
        lit = np.clip(towards * .85 + z * .22, 0, 1) ** .9
        bands = sample(noise(rng, 2.0), (self.xx - x) * .35 * zoom + 300, (self.yy - y) * 2.2 * zoom + 25 * warp)
        surface = ramp(stops)[np.clip(470 + 130 * bands, 0, 1023).astype(int)]
        rim = np.exp(-np.abs(away - radius) / (unit * .012))[..., None] * np.clip(towards + .35, 0, 1)[..., None]
        self.planet = (surface * lit[..., None] * .9).astype(np.float32)
        self.rim = (rim * (stops[4] * .8 + stops[5] * .25)).astype(np.float32)

    def frame(self, u: float) -> Field:
        """The picture at a moment of the loop."""
        turn = 2 * math.pi * u
        cos, sin = math.cos(turn), math.sin(turn)
        thick = (self.cloud[0] * (1 + .28 * cos) + self.cloud[1] * (.75 + .28 * sin)) * .62
        veil = self.veil[0] * (.9 + .25 * sin) + self.veil[1] * (.6 - .25 * cos)
        glow = np.clip(.22 + .34 * thick, 0, 1.6) ** 2
        dust = 1 / (1 + np.exp(-3.2 * (veil - .2)))
        rgb = self.stops[0] * .55 + glow[..., None] * (self.stops[2] * 1.25 + self.stops[3] * (.2 + .8 * glow[..., None]))
        rgb = rgb * (1 - .68 * dust[..., None]) + (np.clip(thick - 1.1, 0, 2) ** 1.5)[..., None] * self.stops[4] * .35
        light = (self.star_light * (.7 + .3 * np.sin(turn * self.star_rate + self.star_phase)))[:, None] * self.star_tint
        np.add.at(rgb, (self.star_y, self.star_x), light)
        bright = self.star_light > .9
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            np.add.at(rgb, (self.star_y[bright] + dy, self.star_x[bright] + dx), light[bright] * .35)
        rgb = rgb * (1 - self.disc) + self.planet * self.disc + self.rim
        return field(rgb)
