"""How the simulated clip looks: a sea under a wide sky, hills in the haze, and one small thing to look at.

A Scene is painted once, as layers; `frame(t)` shifts them against each other. Lengths are pixels, `unit` is the pixel
of a picture whose short side is 720. Nothing here uses a clock, or a random number which the prompt did not seed.
"""

import math
import random
import tomllib
from importlib.resources import files
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Rgb = tuple[int, int, int]
BILINEAR, BICUBIC, LANCZOS = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS
FLIP = Image.Transpose.FLIP_TOP_BOTTOM

SCENERY: dict[str, dict[str, Any]] = tomllib.loads((files(__package__) / "scenery.toml").read_text("utf-8"))
FAINT = [v * 2 // 5 for v in range(256)]
# 255 in the middle and 0 at the edge, falling as light does. (Pillow's own reaches its end only in the corners.)
GLOW = Image.radial_gradient("L").point([round(255 * max(0.0, 1 - v / 180) ** 2.1) for v in range(256)])


def mix(a: Rgb, b: Rgb, part: float) -> Rgb:
    """`part` of the way from a to b."""
    return (round(a[0] + (b[0] - a[0]) * part), round(a[1] + (b[1] - a[1]) * part), round(a[2] + (b[2] - a[2]) * part))


def gradient(size: tuple[int, int], top: Rgb, at: float, middle: Rgb, bottom: Rgb) -> Image.Image:
    """A vertical gradient over three colours; the middle one is at 0 < `at` < 1 of the height."""
    column = Image.new("RGB", (1, size[1]))
    for row in range(size[1]):
        y = row / size[1]
        column.putpixel((0, row), mix(top, middle, y / at) if y < at else mix(middle, bottom, (y - at) / (1 - at)))
    return column.resize(size)


def _chosen(table: dict[str, Any], prompt: str, rng: random.Random) -> Any:
    """The entry with a word that stands in the prompt, else one by chance. Chinese puts no spaces between words."""
    said = set("".join(c if c.isalnum() else " " for c in prompt.lower()).split())
    named = [
        entry for entry in table.values()
        if any(word in said or (not word.isascii() and word in prompt) for word in entry["words"].split())
    ]  # fmt: skip
    return rng.choice(named or list(table.values()))


class Ridge:
    """A line of hills which slides sideways by parts of a pixel: four masks, a quarter of a pixel apart."""

    def __init__(self, rng: random.Random, width: int, top: int, tint: Image.Image, peaks: float) -> None:
        self.top, self.tint, height = top, tint, tint.height
        pitches = (1, 2, 3, 5, 8, 13, 21)
        waves = [(k * rng.uniform(0.7, 1.3), rng.uniform(0, 6.28), k ** (0.3 * peaks - 1.35)) for k in pitches]
        line = []
        for x in range(0, 2 * width + 3, 2):
            a = 1.9 * x / tint.width
            y = 0.0
            for pitch, phase, size in waves:
                soft, sharp = math.sin(pitch * a + phase), 1 - 2 * abs(math.sin(pitch * a / 2 + phase))
                y += size * (soft + (sharp - soft) * peaks)
            line.append((x, 2 * height * (0.52 - 0.2 * y)))
        big = Image.new("L", (2 * width + 2, 2 * height))
        ImageDraw.Draw(big).polygon([*line, (2 * width + 2, 2 * height), (0, 2 * height)], fill=255)
        boxes = [(q / 2, 0, 2 * width + q / 2, 2 * height) for q in range(4)]
        self.masks = [big.resize((width, height), BILINEAR, box=box) for box in boxes]

    def paste(self, frame: Image.Image, x: float) -> None:
        pixel, quarter = divmod(int(x * 4), 4)
        mask = self.masks[quarter].crop((pixel, 0, pixel + self.tint.width, self.tint.height))
        frame.paste(self.tint, (0, self.top), mask)


class Scene:
    """The scene of one prompt and seed, `seconds` long."""

    def __init__(self, prompt: str, seed: int | None, size: tuple[int, int], seconds: float) -> None:
        self.rng = rng = random.Random(f"{prompt}\n{seed}")
        self.size, (self.width, self.height) = size, size
        self.unit = min(size) / 720
        mood = _chosen(SCENERY["moods"], prompt, rng)
        self.weather = mood.get("weather", "")
        self.top, self.middle, self.haze, self.sun, self.far, self.near, self.deep = (
            (int(c[0:2], 16), int(c[2:4], 16), int(c[4:6], 16)) for c in mood["colours"].split()
        )
        self.horizon = round(self.height * rng.uniform(0.57, 0.63))
        self.sun_x = self.width * rng.choice((rng.uniform(0.2, 0.36), rng.uniform(0.64, 0.8)))
        self.side = -1 if self.sun_x > self.width / 2 else 1  # the thing stands where the sun does not
        self.sky = self._sky()
        self.clouds = self._clouds(seconds)
        self.vapour = Image.new("RGB", (self.width, self.clouds.height), mix(self.haze, self.sun, 0.5))
        self.ridges = self._ridges(seconds)
        depth = (self.width, self.height - self.horizon)
        self.water = gradient(depth, mix(self.haze, self.deep, 0.5), 0.3, mix(self.middle, self.deep, 0.7), self.deep)
        self.mirror = gradient(depth, (205, 0, 0), 0.35, (130, 0, 0), (50, 0, 0)).getchannel("R")
        lens = GLOW.resize((48, 8), BICUBIC)
        self.lenses = [lens.point([round(min(255, 3 * v) * bright / 16) for v in range(256)]) for bright in range(17)]
        self.glints = [self._glint() for _ in range(110)]
        thing = _chosen(SCENERY["things"], prompt, rng)
        self.place, self.sprite = thing["place"], self._sprite(thing)
        self.fall = self._fall() if self.weather in ("rain", "snow") else None
        self.drops = Image.new("RGB", size, self.sun)

    # ── painted once ──────────────────────────────────────────────────────────
    def _sky(self) -> Image.Image:
        rng, unit = self.rng, self.unit
        sky = gradient((self.width, self.horizon), self.top, 0.6, self.middle, self.haze)
        y = self.horizon * rng.uniform(0.35, 0.8)
        if self.weather == "stars":
            y = self.horizon * rng.uniform(0.3, 0.42)
            draw = ImageDraw.Draw(sky, "RGBA")
            for _ in range(130):
                x, h, r = rng.uniform(0, self.width), rng.random() ** 1.5 * self.horizon, rng.uniform(0.5, 1.3) * unit
                draw.ellipse((x - r, h - r, x + r, h + r), fill=(230, 236, 255, rng.randrange(50, 200)))
        for radius in (640, 230):
            side = round(2 * radius * unit)
            halo = GLOW.resize((side, side), BICUBIC).point([v // 2 for v in range(256)])
            sky.paste(mix(self.sun, self.haze, 0.45), (round(self.sun_x - side / 2), round(y - side / 2)), halo)
        side = round(68 * unit)
        disc = Image.new("L", (4 * side, 4 * side))
        ImageDraw.Draw(disc).ellipse((0, 0, 4 * side - 1, 4 * side - 1), fill=120 if self.weather == "rain" else 225)
        sky.paste(self.sun, (round(self.sun_x - side / 2), round(y - side / 2)), disc.resize((side, side), LANCZOS))
        # Eight bits a channel are too few for a soft sky: grain of two levels hides the steps.
        grain = Image.frombytes("L", sky.size, bytes(b % 5 for b in rng.randbytes(sky.width * sky.height)))
        return ImageChops.add(sky, Image.merge("RGB", (grain, grain, grain)), offset=-2)

    def _clouds(self, seconds: float) -> Image.Image:
        """A mask, wider than the picture by the way the clouds go (8 px a second)."""
        rng, unit = self.rng, self.unit
        width, height = self.width + math.ceil(8 * unit * seconds) + 1, round(self.horizon * 0.9)
        small = Image.new("L", (width // 8, height // 8))
        draw = ImageDraw.Draw(small)
        for _ in range(rng.randrange(5, 9)):
            x, y = rng.uniform(0, small.width), rng.uniform(0.12, 0.85) * small.height
            for _ in range(9):
                w, h = rng.uniform(8, 30) * unit, rng.uniform(0.8, 2.4) * unit
                cx, cy = x + rng.gauss(0, 17) * unit, y + rng.gauss(0, 2.4) * unit
                draw.ellipse((cx - w, cy - h, cx + w, cy + h), fill=rng.randrange(40, 105))
        return small.filter(ImageFilter.GaussianBlur(2.2 * unit)).resize((width, height), BICUBIC)

    def _ridges(self, seconds: float) -> list[tuple[Ridge, float]]:
        """Three lines of hills, far to near, and how fast each slides (px a second)."""
        ridges = []
        for depth, height, pace, peaks in ((0.0, 190, 2.5, 0.75), (0.42, 120, 5.0, 0.45), (0.85, 62, 9.0, 0.2)):
            tall, speed = round(height * self.unit * self.rng.uniform(0.8, 1.15)), pace * self.unit
            colour = mix(self.far, self.near, depth)
            crest, foot = mix(colour, self.haze, 0.05), mix(colour, self.haze, 0.55 - 0.3 * depth)
            tint = gradient((self.width, tall), crest, 0.5, mix(crest, foot, 0.5), foot)
            width = self.width + math.ceil(speed * seconds) + 2
            ridges.append((Ridge(self.rng, width, self.horizon - tall, tint, peaks), speed))
        return ridges

    def _glint(self) -> tuple[float, float, float, float, float]:
        """Where the sun glitters on the water: x, y (below the horizon), half its length, its rhythm and phase."""
        rng = self.rng
        depth = rng.random() ** 1.8
        x = self.sun_x + rng.gauss(0, 0.55) * (16 + 120 * depth) * self.unit
        half = (3 + 26 * depth) * self.unit * rng.uniform(0.5, 1.2)
        return x, 2 + depth * (self.height - self.horizon), half, rng.uniform(1.2, 3.2), rng.uniform(0, 6.28)

    def _sprite(self, thing: dict[str, Any]) -> Image.Image:
        dim = 0.28 if self.weather in ("stars", "rain") else 0.0
        dark, paper = mix(self.near, self.deep, 0.3), mix(mix(self.sun, (250, 246, 238), 0.6), self.middle, dim)
        width = round(thing["share"] * 720 * self.unit)
        height = round(width / thing["aspect"])
        clear = (*mix(dark, paper, 0.6), 0)
        big = Image.new("RGBA", (4 * width, 4 * height), clear)
        for facet in thing["facets"]:
            tone, *corners = facet.split()
            points = [(float(x) * big.width, float(y) * big.height) for x, y in (c.split(",") for c in corners)]
            colour = (255, 221, 150) if float(tone) > 1 else mix(dark, paper, float(tone))
            ImageDraw.Draw(big).polygon(points, fill=(*colour, 255))
        pad = width // 12  # room for turning
        sprite = Image.new("RGBA", (width + 2 * pad, height + 2 * pad), clear)
        sprite.paste(big.resize((width, height), LANCZOS), (pad, pad))
        return sprite

    def _fall(self) -> Image.Image:
        """Rain or snow: a mask of four times the same picture, so that a window can slide over it for ever."""
        rng, unit = self.rng, self.unit
        tile = Image.new("L", self.size)
        draw = ImageDraw.Draw(tile)
        for _ in range(round(150 * self.width * self.height / (unit**2 * 921_600))):
            x, y, near = rng.uniform(0, self.width), rng.uniform(0, self.height), rng.random()
            if self.weather == "rain":
                end = (x - 5 * near * unit, y + (14 + 30 * near) * unit)
                draw.line((x, y, *end), fill=round(24 + 60 * near), width=max(1, round(1.6 * near * unit)))
            else:
                r = (1 + 2.6 * near**2) * unit
                draw.ellipse((x - r, y - r, x + r, y + r), fill=round(90 + 110 * near))
        tile = tile.filter(ImageFilter.GaussianBlur(0.7 * unit))
        four = Image.new("L", (2 * self.width, 2 * self.height))
        for corner in ((0, 0), (self.width, 0), (0, self.height), self.size):
            four.paste(tile, corner)
        return four

    # ── painted for each frame ────────────────────────────────────────────────
    def frame(self, t: float) -> Image.Image:
        """The picture `t` seconds into the clip."""
        frame = Image.new("RGB", self.size)
        frame.paste(self.sky)
        way = round(8 * self.unit * t)
        frame.paste(self.vapour, (0, 0), self.clouds.crop((way, 0, way + self.width, self.clouds.height)))
        for ridge, speed in self.ridges:
            ridge.paste(frame, speed * t)
        sprite, x, y = self._pose(t)
        if self.place != "afloat":  # what stands on the horizon or above it is mirrored with all the rest
            frame.paste(sprite, (x, y), sprite)
        self._paint_water(frame, t, (sprite, x, y))
        if self.place == "afloat":
            frame.paste(sprite, (x, y), sprite)
        if self.fall:
            across, down = (150, -900) if self.weather == "rain" else (-14, -62)
            x, y = round(across * self.unit * t) % self.width, round(down * self.unit * t) % self.height
            frame.paste(self.drops, (0, 0), self.fall.crop((x, y, x + self.width, y + self.height)))
        return frame

    def _pose(self, t: float) -> tuple[Image.Image, int, int]:
        """The thing, turned and moved by parts of a pixel, and where its upper left corner goes."""
        unit, (width, height) = self.unit, self.sprite.size
        x, y = self.width * (0.5 + 0.13 * self.side) - width / 2, self.horizon + width / 14 - height
        if self.place == "ashore":
            return self.sprite, round(x), round(y + 3 * unit)
        if self.place == "afloat":
            x += self.side * 6 * unit * t
            y += 0.16 * (self.height - self.horizon) + (40 + 2.2 * math.sin(1.7 * t + 1)) * unit
            angle = 2.6 * math.sin(1.15 * t)
        else:
            x += self.side * 9 * unit * t
            y = self.horizon * 0.6 - height / 2 + 7 * unit * math.sin(0.9 * t)
            angle = 3 * math.sin(0.8 * t)
        # Whole pixels would make a slow thing jerk. (Pillow takes parts of a pixel here, its types do not say so.)
        part: Any = (x - math.floor(x), y - math.floor(y))
        return self.sprite.rotate(angle, BILINEAR, translate=part), math.floor(x), math.floor(y)

    def _paint_water(self, frame: Image.Image, t: float, pose: tuple[Image.Image, int, int]) -> None:
        depth, unit = self.height - self.horizon, self.unit
        water = self.water.copy()
        above = frame.crop((0, self.horizon - depth, self.width, self.horizon))
        water.paste(above.transpose(FLIP), (0, 0), self.mirror)
        if self.place == "afloat":
            sprite, x, y = pose
            mirrored = sprite.transpose(FLIP)
            below = y + sprite.height - 2 * (sprite.width // 14) - self.horizon
            water.paste(mirrored, (x, below), mirrored.getchannel("A").point(FAINT))
        for gx, gy, half, rhythm, phase in self.glints:
            shine = math.sin(rhythm * t + phase)
            if shine > 0:
                wide, thick = max(2, round(half * (1 + shine))), max(2, round(half / 3.5))
                lens = self.lenses[round(16 * shine)].resize((wide, thick), BILINEAR)
                water.paste(self.sun, (round(gx - wide / 2), round(gy - thick / 2)), lens)
        frame.paste(water, (0, self.horizon))
        row = 0
        while row < depth:  # the water moves: each strip of it is taken from a little beside its place
            part = row / depth
            tall = max(1, round((1 + 2 * part) * unit))
            wave = math.sin(46 * math.sqrt(part) - 2.1 * t) + 0.6 * math.sin(19 * part + 1.3 * t)
            dx = round((0.6 + 7 * part) * unit * wave)
            dy = round((0.5 + 3 * part) * unit * math.sin(60 * math.sqrt(part) + 1.9 * t))
            source = min(max(row + dy, 0), depth - tall)
            strip = water.crop((max(dx, 0), source, self.width + min(dx, 0), source + tall))
            frame.paste(strip, (max(-dx, 0), self.horizon + row))
            row += tall
