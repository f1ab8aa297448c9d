"""Landscapes: sky, sun or moon, stars, aurora, clouds, layers on the horizon, and water that mirrors them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import silhouettes
from .palette import Field, field, noise, sample

DARK_WORDS = frozenset(
    ["night", "star", "stars", "aurora", "moon", "midnight", "space", "galaxy", "firefly", "fireflies", "evening", "dark"]
)


@dataclass(frozen=True)
class Look:
    """What one kind of landscape has. `horizon` is a share of the height; `rise` how tall its layers stand."""

    layers: int
    rise: float
    horizon: float
    shape: Callable[[np.random.Generator, float], Field]
    water: bool = True
    fireflies: bool = False
    windows: bool = False
    step: float = 1.0
    mist: float = 0.55
    sand: bool = False


LOOKS = {
    "vista": Look(5, 0.27, 0.70, silhouettes.mountains),
    "dunes": Look(6, 0.36, 0.90, silhouettes.dunes, water=False, mist=0.5, sand=True),
    "forest": Look(5, 0.30, 0.86, silhouettes.trees, water=False, fireflies=True, step=1.6, mist=0.95),
    "city": Look(3, 0.30, 0.74, silhouettes.houses, windows=True, step=1.5, mist=0.35),
    "sea": Look(0, 0.0, 0.50, silhouettes.mountains),
}


class Vista:
    """One landscape. `frame(u)` gives (height, width, 3) linear light for u in 0 … 1; frame 1 equals frame 0."""

    def __init__(self, kind: str, words: frozenset[str], stops: Field, rng: np.random.Generator, width: int, height: int) -> None:
        self.look, self.stops, self.w, self.h = LOOKS[kind], stops, width, height
        self.dark = bool(words & DARK_WORDS) or kind == "city"
        self.hz = hz = int(height * (self.look.horizon + (0.04 if height > width else 0)))
        self.unit = unit = float(min(width, height))
        self.yy, self.xx = (item.astype(np.float32) for item in np.mgrid[0:height, 0:width])
        self.sky = self._sky()
        self.orb = self._orb(rng)
        self._clouds(rng)
        self._stars(rng)
        self.aurora = (
            self.dark
            and kind != "city"
            and bool(words & frozenset(["aurora", "northern", "lights", "stars"]) or rng.random() < 0.6)
        )
        self.au = field(rng.random((3, 6)) * 2 * math.pi)  # one 64-bit number would make whole pictures 64-bit
        rays = np.interp(np.linspace(0, 1, 2 * width), np.linspace(0, 1, 120), rng.random(120))
        self.rays = np.convolve(np.abs(rays), np.ones(5) / 5, "same").astype(np.float32)
        count = self.look.layers
        self.lines = [self.look.shape(rng, (index + 1) / count) for index in range(count)]
        self.waves = rng.random(8) * 2 * math.pi
        swell = noise(rng, 1.6, 0.10)
        rows = np.arange(max(1, height - hz), dtype=np.float32)[:, None]
        depth = 6 + rows * 260 / unit
        self.ripple = [
            sample(swell, (self.xx[hz:] - width / 2) * (150 / depth) * 430 / unit + shift, 21000 / depth + shift)
            for shift in (0.0, 317.0)
        ]
        self.flies = rng.random((70, 5)).astype(np.float32)
        self.lit = self._windows(rng) if self.look.windows else None

    # ---- what stays
    def _sky(self) -> Field:
        t = np.clip(self.yy[:, 0] / self.hz, 0, 1)
        colours = (
            self.stops[[0, 0, 1, 2]] * np.array([[0.5], [0.9], [1], [1]], np.float32)
            if self.dark
            else self.stops[[1, 2, 3, 4]] * np.array([[0.9], [0.95], [1], [1.05]], np.float32)
        )
        column = np.stack([np.interp(t, [0, 0.35, 0.75, 1.0], colours[:, index]) for index in range(3)], 1)
        return np.repeat(column.astype(np.float32)[:, None, :], self.w, 1)

    def _orb(self, rng: np.random.Generator) -> Field:
        x = self.w * rng.uniform(0.28, 0.72)
        low = (0.50, 0.60) if self.look.sand else (0.42, 0.70) if self.look.layers == 0 else (0.66, 0.84)
        y = self.hz * rng.uniform(*((0.22, 0.38) if self.dark else low))
        self.orb_x = float(x)
        away = np.hypot(self.xx - x, self.yy - y)
        radius = self.unit * (0.045 if self.dark else 0.085)
        disc = np.clip(radius - away + 0.5, 0, 1)[..., None]
        glow = (0.55 * np.exp(-away / (self.unit * 0.17)) + 0.25 * np.exp(-away / (self.unit * 0.5)))[..., None]
        light = self.stops[4] * (0.42 if self.dark else 1)
        return field(disc * self.stops[5] * 1.5 + glow * light)

    def _clouds(self, rng: np.random.Generator) -> None:
        flat = 1 / np.clip((self.hz - self.yy) / self.h + 0.10, 0.04, None)
        x = (self.xx - self.w / 2) * flat * 350 / self.unit + 500
        y = flat * 95
        self.cloud = [sample(noise(rng, 1.9, 0.16), x, y) for _ in range(2)]
        self.cloud_mask = (
            np.clip((self.hz - self.yy) / (self.h * 0.10), 0, 1) * np.clip(self.yy / (self.h * 0.35), 0.15, 1)
        ).astype(np.float32)

    def _stars(self, rng: np.random.Generator) -> None:
        count = int((520 if self.dark else 24) * self.h * self.w / 330_000)
        self.star_x = rng.random(count) * (self.w - 2)
        self.star_y = rng.random(count) ** 1.3 * self.hz * 0.92
        self.star_light = (rng.pareto(2.2, count) * 0.25 + 0.07).clip(0, 1.5).astype(np.float32)
        self.star_phase, self.star_rate = rng.random(count), rng.integers(1, 4, count)

    def _windows(self, rng: np.random.Generator) -> Field:
        """Lit windows, on a grid that the houses cut out: (h, w) 0 … 1."""
        cell_x, cell_y = max(4, int(self.unit * 0.013)), max(5, int(self.unit * 0.018))
        rows, columns = self.h // cell_y + 1, self.w // cell_x + 1
        lights = (rng.random((rows, columns)) < 0.34) * rng.uniform(0.25, 1, (rows, columns))
        grid = np.kron(lights, np.ones((cell_y, cell_x)))[: self.h, : self.w]
        inside = (
            (self.xx % cell_x >= 1) & (self.xx % cell_x < cell_x - 1) & (self.yy % cell_y >= 2) & (self.yy % cell_y < cell_y - 2)
        )
        return field(grid * inside)

    # ---- what moves
    def frame(self, u: float) -> Field:
        """The picture at a moment of the loop."""
        turn = 2 * math.pi * u
        rgb = self.sky + self.orb
        self._add_stars(rgb, turn)
        if self.aurora:
            self._add_aurora(rgb, turn)
        self._add_clouds(rgb, turn)
        tops = [self._top(line, index, turn) for index, line in enumerate(self.lines)]
        end = self.h
        ends = []
        for top in reversed(tops):  # what a nearer layer hides need not be drawn
            ends.append(end)
            end = min(end, int(top.max()) + 12)
        for index, (top, last) in enumerate(zip(tops, reversed(ends), strict=True)):
            self._add_layer(rgb, top, last, index)
        if self.look.water and self.hz < self.h - 2:
            self._add_water(rgb, turn)
        if self.look.fireflies:
            self._add_fireflies(rgb, turn)
        return field(rgb)

    def _add_stars(self, rgb: Field, turn: float) -> None:
        light = self.star_light * (0.62 + 0.38 * np.sin(turn * self.star_rate + self.star_phase * 2 * math.pi))
        x, y = self.star_x.astype(int), self.star_y.astype(int)
        part_x, part_y = self.star_x - x, self.star_y - y
        for dx, dy, share in (
            (0, 0, (1 - part_x) * (1 - part_y)),
            (1, 0, part_x * (1 - part_y)),
            (0, 1, (1 - part_x) * part_y),
            (1, 1, part_x * part_y),
        ):
            np.add.at(rgb, (np.minimum(y + dy, self.h - 1), x + dx), (light * share)[:, None].astype(np.float32))

    def _add_aurora(self, rgb: Field, turn: float) -> None:
        x = self.xx[0] / self.w
        cos, sin = math.cos(turn), math.sin(turn)
        top = self.hz
        for index in range(2):
            a = self.au[index]
            base = self.hz * (0.60 - 0.17 * index) + self.h * (
                0.06 * np.sin(5 * x + a[0] + 0.6 * sin)
                + 0.03 * np.sin(11 * x + a[1] + cos)
                + 0.01 * np.sin(31 * x + a[2] + 1.3 * sin)
            )
            length = self.h * (0.15 + 0.08 * np.sin(7 * x + a[3] + cos))
            at = self.xx[0] + (self.w * 0.25 * (1 + 0.35 * sin) + index * self.w * 0.15)
            low = at.astype(int)
            rays = self.rays[low % len(self.rays)] * (1 - at + low) + self.rays[(low + 1) % len(self.rays)] * (at - low)
            ray = 0.4 + 0.6 * rays * (0.6 + 0.4 * np.sin(9 * x + a[4] + turn))
            first = max(0, int((base - 9 * length).min()))  # nine lengths up, a ray is dimmer than any screen shows
            end = min(top, int(base.max()) + 1)
            away = np.maximum((base[None] - self.yy[first:end]) / length[None], 0)
            light = np.exp(-away) * (1 - np.exp(np.minimum(away, 1) * -14)) * (ray * (1.1 - 0.35 * index))[None]
            share = np.minimum(away, 2.2) / 2.2
            for channel in range(3):
                low, high = self.stops[4][channel], self.stops[3][channel]
                rgb[first:end, :, channel] += light * (low + (high - low) * share)

    def _add_clouds(self, rgb: Field, turn: float) -> None:
        top = self.hz
        thick = (self.cloud[0][:top] * math.cos(turn) + self.cloud[1][:top] * math.sin(turn)) * 0.75
        cover = np.clip((thick - 0.25) * 0.55, 0, 0.8) * self.cloud_mask[:top] * (0.4 if self.dark else 1)
        rgb[:top] += cover[..., None] * (self.stops[4] * 0.35 + self.stops[3] * 0.35)

    def _top(self, line: Field, index: int, turn: float) -> Field:
        """Where a layer begins, in pixels from above: (w,)."""
        look, near = self.look, (index + 1) / len(self.lines)
        scale = 640 / self.unit * look.step
        drift = (5 + 30 * near * near) * (1 + math.sin(turn)) * (0.35 if look.windows else 1)
        heights = silhouettes.across(line, 1200 + 530 * index + drift, self.w, scale)
        tall = self.unit * (0.16 * (1 - near) + 0.045) * (2.2 if look.rise > 0.28 else 1.0)
        top = self.hz * (1.0 - look.rise * (1 - near) - 0.015) - heights * tall
        if look.sand:
            tall = self.unit * 0.11
            top = self.hz * (1.0 - look.rise * (1 - near) ** 0.8) - heights * tall
        if look.fireflies:
            top = self.hz * (0.62 + 0.30 * near) - heights * self.unit * (0.13 + 0.16 * near)
        return field(top)

    def _add_layer(self, rgb: Field, top: Field, last: int, index: int) -> None:
        look, near = self.look, (index + 1) / len(self.lines)
        first = max(0, int(top.min()) - 2)
        if first >= last:
            return
        edge = np.sqrt(1 + np.clip(np.gradient(top), -8, 8) ** 2).astype(np.float32)
        below = self.yy[first:last] - top[None]
        cover = np.clip(below / edge[None] + 0.5, 0, 1)[..., None]
        if self.dark:
            close, far = self.stops[0] * 0.22, self.stops[1] * 1.15 + self.stops[2] * 0.3
        else:
            close, far = self.stops[0] * 0.5, self.stops[3] * 0.75 + self.stops[4] * 0.12
        if look.sand:
            close = self.stops[1] * 0.9 + self.stops[2] * 0.25
        colour = far * (1 - near) ** 1.3 + close * near
        mist = np.clip(below / (self.h * 0.22), 0, 1)[..., None] * (1 - near) * look.mist
        layer = colour + mist * (self.stops[2] if self.dark else self.stops[3]) * 0.6
        if self.lit is not None and index > 0:
            inside = (below > 6)[..., None] * self.lit[first:last, :, None]
            layer = layer + inside * (self.stops[4] * 0.5 + np.array([0.55, 0.36, 0.14], np.float32)) * (0.35 + 0.65 * near)
        rgb[first:last] += (layer.astype(np.float32) - rgb[first:last]) * cover

    def _add_water(self, rgb: Field, turn: float) -> None:
        hz, rows = self.hz, self.h - self.hz
        row = np.arange(rows, dtype=np.float32)
        depth = ((row + 1) / rows)[:, None]
        wave = (self.ripple[0] * math.cos(turn) + self.ripple[1] * math.sin(turn)) * 0.7
        stretch = min(1.9, (hz - 2) / rows)
        source = np.clip(hz - 2 - row[:, None] * stretch + wave * (2 + 26 * depth) * self.unit / 640, 0, hz - 2)
        low = source.astype(int)
        part = (source - low)[..., None].astype(np.float32)
        sway = wave * (1 + 9 * depth) * self.unit / 640
        column = np.clip(self.xx[hz:] + sway, 0, self.w - 1).astype(int)
        mirrored = rgb[low, column] * (1 - part) + rgb[low + 1, column] * part
        dim = (0.80 - 0.38 * depth)[..., None]
        glitter = np.clip(wave - 0.35, 0, 1.6) * np.exp(
            -(((self.xx[hz:] - self.orb_x) / (self.unit * (0.05 + 0.22 * depth))) ** 2)
        )
        sparkle = glitter[..., None] * self.stops[5] * (0.55 if self.dark else 1.3)
        rgb[hz:] = mirrored * dim + self.stops[1] * 0.10 + self.stops[2] * np.clip(wave, 0, 2)[..., None] * 0.035 + sparkle

    def _add_fireflies(self, rgb: Field, turn: float) -> None:
        for x, y, size, phase, bright in self.flies:
            at_x = (x + 0.015 * math.sin(turn + phase * 9)) * self.w
            at_y = self.h * (0.52 + 0.44 * y) + self.h * 0.012 * math.sin(2 * turn + phase * 17)
            light = max(0.0, math.sin(turn * (1 + int(phase * 3)) + phase * 40)) * (0.35 + 0.9 * bright)
            reach = 2 + self.unit * 0.012 * (0.5 + size)
            left, right = max(0, int(at_x - 3 * reach)), min(self.w, int(at_x + 3 * reach) + 1)
            top, bottom = max(0, int(at_y - 3 * reach)), min(self.h, int(at_y + 3 * reach) + 1)
            if light <= 0 or left >= right or top >= bottom:
                continue
            away = ((self.xx[top:bottom, left:right] - at_x) ** 2 + (self.yy[top:bottom, left:right] - at_y) ** 2) / reach**2
            rgb[top:bottom, left:right] += (np.exp(-away * 2.2) * light)[..., None] * (self.stops[5] * 0.5 + self.stops[4] * 0.6)
