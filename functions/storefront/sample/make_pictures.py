#!/usr/bin/env python3
"""Draw the sample catalog's pictures: one flat SVG per product of products.csv.

Every picture is a call in PICTURES below: a drawing, its colours, its options.
The same table gives the same bytes, so the committed files can be checked with
`make_pictures.py --check`. Coordinates are in a square of 400 units; the floor
is at FLOOR. Standard library only.
"""
import csv
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
IMG = HERE.parent / "site" / "img"
MAX_BYTES = 4096
FLOOR = 330

INK, CREAM, WHITE = "#23262f", "#f8efdf", "#fffdf8"
GREEN, LEAF, MINT = "#17694d", "#4f9a5f", "#b7dcc4"
TOMATO, ROSE, PINK = "#d8452e", "#e88873", "#f3c3b8"
MUSTARD, SAND, BROWN = "#e8ae35", "#d9b98c", "#6a4531"
SKY, NAVY, STEEL = "#8dbfd6", "#264468", "#a9b3bb"
PLUM, LILAC, CLAY = "#6c3a5c", "#bfb3e0", "#c4714a"

# Tile colours behind the things, all of about the same lightness.
ROOM = {
    "mint": "#dcece1", "rose": "#f7e0da", "butter": "#f8ebcb",
    "sky": "#dbe9f1", "lilac": "#e6e1f3", "sand": "#efe5d6",
}


def rect(x, y, w, h, fill, r=0):
    corner = f' rx="{r}"' if r else ""
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}"{corner} fill="{fill}"/>'


def circ(x, y, r, fill):
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"/>'


def ell(x, y, rx, ry, fill):
    return f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry}" fill="{fill}"/>'


def path(d, fill):
    return f'<path d="{d}" fill="{fill}"/>'


def line(d, stroke, width):
    return (f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width}"'
            ' stroke-linecap="round" stroke-linejoin="round"/>')


def shade(d, opacity=".1"):
    return f'<path d="{d}" opacity="{opacity}"/>'


def shine(d):
    return f'<path d="{d}" fill="#fff" opacity=".3"/>'


def turn(angle, inside, x=200, y=200):
    return f'<g transform="rotate({angle} {x} {y})">{inside}</g>'


def floor(width, x=200, y=FLOOR):
    return f'<ellipse cx="{x}" cy="{y}" rx="{width}" ry="11" opacity=".12"/>'


def lines_of_text(x, y, widths, fill, step=14, h=5):
    """Bars that stand for small print; centred on x."""
    return "".join(rect(x - w / 2, y + i * step, w, h, fill, h / 2)
                   for i, w in enumerate(widths))


def mark(kind, x, y, s, fill, back=CREAM):
    """The small emblem on a label."""
    if kind == "sun":
        rays = "".join(turn(a, line(f"M{x} {y - s}V{y - s * .75:g}", fill, 5), x, y)
                       for a in range(0, 360, 45))
        return circ(x, y, s * .5, fill) + rays
    if kind == "leaf":
        return (path(f"M{x} {y + s}C{x - s} {y + s * .3:g} {x - s * .7:g} {y - s * .6:g}"
                     f" {x} {y - s}C{x + s * .7:g} {y - s * .6:g} {x + s} {y + s * .3:g}"
                     f" {x} {y + s}Z", fill)
                + line(f"M{x} {y + s * 1.2:g}V{y - s * .3:g}", back, 4))
    if kind == "moon":
        return circ(x, y, s * .8, fill) + circ(x + s * .4, y - s * .2, s * .62, back)
    if kind == "flame":
        return (path(f"M{x} {y - s}C{x + s} {y - s * .1:g} {x + s * .8:g} {y + s}"
                     f" {x} {y + s}C{x - s * .8:g} {y + s} {x - s} {y - s * .1:g}"
                     f" {x} {y - s}Z", fill)
                + ell(x, y + s * .5, s * .3, s * .4, back))
    if kind == "drop":
        return path(f"M{x} {y - s}C{x + s * .9:g} {y + s * .1:g} {x + s * .7:g} {y + s}"
                    f" {x} {y + s}C{x - s * .7:g} {y + s} {x - s * .9:g} {y + s * .1:g}"
                    f" {x} {y - s}Z", fill)
    if kind == "fish":
        return (path(f"M{x - s * 1.5:g} {y}Q{x - s * .3:g} {y - s} {x + s * .8:g} {y}"
                     f"Q{x - s * .3:g} {y + s} {x - s * 1.5:g} {y}Z", fill)
                + path(f"M{x + s * .5:g} {y}l{s} {-s * .6:g}v{s * 1.2:g}Z", fill)
                + circ(x - s * .9, y - s * .1, s * .12, back))
    if kind == "shell":
        ribs = "".join(line(f"M{x} {y + s * .8:g}L{x + dx * s:g} {y - s * .5:g}", back, 3)
                       for dx in (-.5, 0, .5))
        return path(f"M{x} {y + s}L{x - s * 1.1:g} {y}A{s * 1.1:g} {s * 1.1:g} 0 0 1"
                    f" {x + s * 1.1:g} {y}Z", fill) + ribs
    if kind == "hex":
        cell = "l17 10v20l-17 10l-17-10v-20Z"
        return (path(f"M{x} {y - 42}{cell}", fill) + path(f"M{x - 19} {y - 8}{cell}", fill)
                + path(f"M{x + 19} {y - 8}{cell}", fill))
    return circ(x, y, s, fill)  # "dot"


def sneaker(upper, accent, sole=CREAM, lace=WHITE, high=False, toe=None):
    collar = 92 if high else 150
    body = (f"M66 284C60 250 84 238 116 232C152 224 176 206 198 176L{214 if high else 208}"
            f" {collar + 10}C{222 if high else 216} {collar + 2} 232 {collar} 240 {collar + 6}"
            f"C262 {collar + 18} 288 {collar + 16} 306 {collar + 4}"
            f"C318 {collar - 4} 330 {collar} 331 {collar + 12}C334 200 340 240 338 284Z")
    tie = "".join(line(f"M{x} {y}l24 17", lace, 8) for x, y in
                  ((140, 216), (160, 204), (178, 188)))
    if high:
        tie += "".join(line(f"M{x} {y}l26 7", lace, 8) for x, y in
                       ((196, 164), (202, 142), (207, 120)))
    heel = (f"M300 {collar + 8}C318 {collar - 4} 330 {collar} 331 {collar + 12}"
            "C334 200 340 240 338 284H292C306 250 306 200 300 " + f"{collar + 8}Z")
    patch = (turn(45, rect(234, 142, 44, 44, accent, 8) + rect(247, 155, 18, 18, upper, 4),
                  256, 164) if high else
             path("M196 272A46 46 0 0 1 288 272Z", accent)
             + path("M219 272A23 23 0 0 1 265 272Z", upper))
    return (floor(150, 200, 326) + path(body, upper)
            + path("M66 284C60 250 84 238 116 232C138 240 146 262 146 284Z", toe or accent)
            + path(heel, accent) + tie + patch
            + shade("M66 284C62 270 64 262 68 256C120 276 250 272 338 250V284Z", ".08")
            + path("M54 278H346Q352 300 340 322H84Q50 320 54 278Z", sole)
            + shade("M58 304H348Q346 314 340 322H84Q64 320 58 304Z", ".16"))


def socks(main, stripe):
    def one(dx, dy, color):
        x, y = 150 + dx, 80 + dy
        leg = (f"M{x} {y}h78v120c0 26 10 34 34 50c34 22 22 52-14 50"
               f"c-60-4-98-30-98-84Z")
        return (path(leg, color) + rect(x, y, 78, 16, stripe) + rect(x, y + 30, 78, 12, stripe)
                + rect(x, y + 52, 78, 12, stripe)
                + path(f"M{x} {y + 136}c20-6 44 6 46 30c-4 24-20 30-30 24"
                       f"c-12-14-16-30-16-54Z", stripe))
    return floor(120) + one(-54, 24, SAND) + one(4, 10, main)


def bottle(glass, label, emblem, sign, cap, slim=False):
    w = 46 if slim else 58
    left, right, top = 200 - w, 200 + w, 66
    body = (f"M182 {top}h36v62C218 150 {right} 150 {right} 194V316Q{right} 330 {right - 14}"
            f" 330H{left + 14}Q{left} 330 {left} 316V194C{left} 150 182 150 182 128Z")
    return (floor(w + 22) + path(body, glass)
            + shade(f"M206 {top}h12v62C218 150 {right} 150 {right} 194V316Q{right} 330"
                    f" {right - 14} 330H206Z", ".14")
            + rect(178, 50, 44, 38, cap, 5) + rect(left, 206, 2 * w, 92, label)
            + mark(sign, 200, 240, 20, emblem, label) + lines_of_text(200, 276, (52,), emblem)
            + shine(f"M{left + 9} 196q2-12 10-20v20z"))


def jar(fill, lid, label, emblem, sign):
    return (floor(92) + rect(118, 132, 164, 198, fill, 26)
            + shade("M220 132h36a26 26 0 0 1 26 26v146a26 26 0 0 1-26 26h-36Z", ".1")
            + rect(126, 92, 148, 44, lid, 8) + shade("M126 122h148v6a8 8 0 0 1-8 8h-132"
                                                     "a8 8 0 0 1-8-8Z", ".18")
            + rect(118, 190, 164, 100, label) + mark(sign, 200, 230, 22, emblem, label)
            + lines_of_text(200, 266, (70,), emblem) + rect(130, 150, 10, 30, "#ffffff66", 5))


def flat_tin(paper, ink, sign):
    return (floor(142, 200, 306) + rect(60, 160, 280, 144, STEEL, 34)
            + rect(60, 146, 280, 136, "#d5dade", 34) + rect(74, 158, 252, 112, paper, 24)
            + shade("M74 234h252v12a24 24 0 0 1-24 24h-204a24 24 0 0 1-24-24Z", ".07")
            + mark(sign, 190, 206, 32, ink, paper) + lines_of_text(200, 250, (96,), ink)
            + line("M300 178a12 12 0 1 0 .1 0M300 202v16", STEEL, 7))


def can(paper, band, emblem, sign):
    return (floor(90) + path("M122 110h156v206q-78 26-156 0Z", "#c9d0d5")
            + path("M122 132h156v164q-78 24-156 0Z", paper)
            + path("M122 132h156v30q-78 20-156 0Z", band)
            + shade("M232 110h46v206q-22 8-46 11Z", ".12") + ell(200, 110, 78, 20, "#dfe4e7")
            + ell(200, 110, 64, 14, "#b4bdc4") + circ(200, 222, 44, CREAM)
            + mark(sign, 200, 222, 26, emblem))


def carton(front, side, emblem, sign, window=False):
    view = (path("M150 190h78v90h-78Z", CREAM) + "".join(
        line(f"M{158 + i * 22} {200 + j * 26}l14 12", MUSTARD, 10)
        for i in range(3) for j in range(3)) if window else
        circ(189, 228, 46, CREAM) + mark(sign, 189, 228, 26, emblem))
    return (floor(112) + path("M116 96h146v234H116Z", front)
            + path("M262 96l34-20v234l-34 20Z", side)
            + path("M116 96l34-20h146l-34 20Z", CREAM) + view
            + lines_of_text(189, 128, (96, 62), CREAM, 20, 10)
            + lines_of_text(189, 300, (70,), CREAM))


def bar(paper, foil, emblem, sign):
    inside = (rect(118, 84, 164, 240, foil, 4) + rect(118, 112, 164, 184, paper)
              + shade("M118 272h164v24H118Z", ".1") + mark(sign, 200, 190, 36, emblem, paper)
              + lines_of_text(200, 250, (90, 56), emblem, 16, 6)
              + "".join(line(f"M{x} 88v16M{x} 304v16", "#0000001a", 3) for x in range(134, 280,
                  16)))
    return floor(116, 204, 338) + turn(-8, inside)


def pouch(paper, label, emblem, sign):
    return (floor(100) + path("M112 92h176l10 222q2 16-14 16H116q-16 0-14-16Z", paper)
            + shade("M240 92h48l10 222q2 16-14 16h-32q6-120-12-238Z", ".12")
            + rect(108, 70, 184, 34, paper, 4) + shade("M108 92h184v12H108Z", ".2")
            + rect(140, 156, 120, 130, label, 6) + mark(sign, 200, 202, 28, emblem, label)
            + lines_of_text(200, 248, (76, 50), emblem, 16, 6) + circ(200, 126, 7, "#00000038"))


def stove_pot(metal, grip):
    return (floor(92) + path("M132 212h136l22 104q2 14-12 14H122q-14 0-12-14Z", metal)
            + path("M132 200h136l-20-88h-96Z", "#c6cdd2")
            + path("M152 112l-30 22 14 40Z", "#b4bdc4")
            + shade("M206 112h42l20 88h-58ZM214 212h54l22 104q2 14-12 14h-56Z", ".1")
            + rect(126, 196, 148, 20, "#8b969f", 6) + path("M150 112q50-40 100 0Z", metal)
            + rect(190, 72, 20, 24, grip, 8)
            + line("M256 128h44q14 0 12 14l-12 66", grip, 17))


def mug(glaze, inside, foot=SAND):
    return (floor(96) + line("M268 176c66-12 66 92-6 92", glaze, 22)
            + path("M112 130h164v150q0 50-44 50h-76q-44 0-44-50Z", glaze)
            + path("M112.5 290h163q-4 40-43.5 40h-76q-39.5 0-43.5-40Z", foot)
            + shade("M222 130h54v150q0 50-44 50h-34q24-20 24-60Z", ".09")
            + ell(194, 130, 82, 20, glaze) + ell(194, 130, 70, 14, inside)
            + line("M170 92c-14-18 14-26 0-46M214 92c-14-18 14-26 0-46", "#ffffffb0", 8)
            + rect(130, 166, 10, 70, "#ffffff40", 5))


def candle(glass, label, emblem, sign):
    return (floor(88) + path("M200 74c26 30 22 52 0 56c-22-4-26-26 0-56Z", MUSTARD)
            + path("M200 98c12 14 10 26 0 30c-10-4-12-16 0-30Z", CREAM)
            + line("M200 128v26", INK, 5) + rect(122, 146, 156, 184, glass, 16)
            + ell(200, 156, 70, 12, CREAM)
            + shade("M222 146h40a16 16 0 0 1 16 16v152a16 16 0 0 1-16 16h-40Z", ".1")
            + rect(148, 204, 104, 86, label, 4) + mark(sign, 200, 238, 20, emblem, label)
            + lines_of_text(200, 270, (52,), emblem))


def lamp(cap, stem):
    return (floor(82) + '<path d="M96 206L50 330h300L304 206Z" fill="#fff2b8" opacity=".55"/>'
            + path("M186 190h28v122h-28Z", stem) + shade("M202 190h12v122h-12Z", ".14")
            + path("M136 330q0-26 64-26t64 26Z", stem)
            + path("M80 206C80 120 134 76 200 76s120 44 120 130Z", cap)
            + shade("M224 79c56 10 96 56 96 127h-70q4-76-26-127Z", ".12")
            + shine("M106 186c2-42 22-70 52-84c-22 24-32 52-34 84Z")
            + ell(200, 206, 120, 13, "#ffe9a3"))


def tote(cloth, ink, dark=False):
    handle = line("M152 150C150 40 250 40 248 150", "#0000002e" if dark else SAND, 14)
    return (floor(110) + handle + path("M104 138h192l14 192H90Z", cloth)
            + shade("M250 138h46l14 192h-52Z", ".08") + shade("M104 138h192l1 14H103Z", ".1")
            + "".join(path(f"M{150 + i * 25} 196h25v34a12.5 12.5 0 0 1-25 0Z",
                           ink if i % 2 == 0 else "#ffffff8c") for i in range(4))
            + rect(158, 250, 84, 44, ink, 3) + rect(168, 260, 30, 34, cloth)
            + rect(206, 260, 26, 18, cloth))


def vase(glaze, tall, stems):
    top = 130 if tall else 176
    if tall:
        body = (f"M176 {top}h48c-2 20 16 26 14 46s-18 22-8 42s32 26 26 50s-14 14-14 30"
                "s-6 32-18 32h-48c-12 0-18-16-18-32s-8-6-14-30s16-30 26-50s-6-22-8-42"
                "s16-26 14-46Z")
    else:
        body = (f"M170 {top}h60c-2 18 16 22 16 38s30 26 30 58c0 34-22 58-42 58h-68"
                "c-20 0-42-24-42-58c0-32 30-42 30-58s18-20 16-38Z")
    flowers = ""
    for dx, up, color in stems:
        x, y = 200 + dx, top - up
        flowers += (line(f"M{200 + dx / 4:g} {top + 8}Q{200 + dx / 3:g} {y + 40} {x} {y}", LEAF, 6)
                    + "".join(turn(a, ell(x, y - 15, 9, 14, color), x, y)
                              for a in range(0, 360, 60)) + circ(x, y, 9, MUSTARD))
    return (floor(76) + flowers + path(body, glaze)
            + f'<ellipse cx="200" cy="{top}" rx="{24 if tall else 30}" ry="6" opacity=".25"/>'
            + line(f"M{160 if tall else 150} 250q-6 22 4 44", "#ffffff66", 8))


def folded(cloth, stripe, waffle=False):
    layers = ""
    for i, y in enumerate((256, 194, 132)):
        layers += (rect(74 + i * 4, y, 252 - i * 8, 70, cloth, 26)
                   + shade(f"M{74 + i * 4} {y + 44}h{252 - i * 8}a26 26 0 0 1-26 26h-{200 - i * 8}"
                           "a26 26 0 0 1-26-26Z", ".1"))
        if waffle:
            grid = "".join(f"M{104 + j * 24} {y + 14}v26" for j in range(9))
            layers += line(f"{grid}M96 {y + 27}H304", stripe, 3)
        else:
            layers += (rect(128, y, 22, 70, stripe) + rect(162, y, 10, 70, stripe)
                       + rect(228, y, 10, 70, stripe) + rect(250, y, 22, 70, stripe))
    return floor(136) + layers


def soap(bar_color, paper, emblem, sign):
    return (floor(126, 200, 316) + circ(316, 116, 18, "#ffffffa0") + circ(284, 84, 10, "#ffffffa0")
            + circ(90, 130, 12, "#ffffffa0") + rect(76, 176, 248, 136, bar_color, 30)
            + shade("M76 262h248v20a30 30 0 0 1-30 30H106a30 30 0 0 1-30-30Z", ".1")
            + rect(134, 176, 132, 136, paper) + shade("M134 262h132v50H134Z", ".06")
            + mark(sign, 200, 226, 26, emblem, paper) + lines_of_text(200, 276, (70,), emblem)
            + rect(96, 190, 26, 9, "#ffffff80", 4))


def kettle(enamel, grip):
    return (floor(116) + line("M122 168C122 60 278 60 278 168", grip, 16)
            + path("M110 250L58 188l20-14 62 44Z", enamel)
            + path("M120 190q80-44 160 0q34 50 30 112q-2 28-30 28H120q-28 0-30-28q-4-62 30-112Z",
                enamel)
            + shade("M236 174q26 4 44 16q34 50 30 112q-2 28-30 28h-40q24-80-4-156Z", ".12")
            + path("M140 180q60-40 120 0Z", CREAM) + circ(200, 152, 13, grip)
            + rect(90, 286, 220, 12, "#ffffff50") + line("M122 222q-12 24-12 50", "#ffffff70", 9))


def notebook(cover, spine, elastic, sign, small=False):
    inside = (rect(124, 84, 164, 244, "#e9e3d6", 10) + rect(116, 76, 164, 244, cover, 10)
              + path("M126 76h26v244h-26a10 10 0 0 1-10-10V86a10 10 0 0 1 10-10Z", spine)
              + (rect(246, 76, 9, 244, elastic) if not small else "")
              + rect(172, 116, 60, 44, CREAM, 3) + mark(sign, 202, 138, 12, spine))
    if small:
        inside = f'<g transform="translate(36 42) scale(.82)">{inside}</g>'
    return floor(112, 204, 336) + turn(6, inside)


def pencils(colors):
    out = floor(120, 200, 344)
    for i, color in enumerate(colors):
        x = 96 + i * 44
        lift = (14, 0, 26, 6, 18)[i]
        out += (path(f"M{x} {128 - lift}h32V{312 - lift}h-32Z", color)
                + shade(f"M{x + 21} {128 - lift}h11V{312 - lift}h-11Z", ".14")
                + path(f"M{x} {129 - lift}l16-54 16 54Z", "#ecd2a6")
                + path(f"M{x + 11} {94 - lift}l5-19 5 19Z", color)
                + rect(x, 300 - lift, 32, 12, STEEL) + rect(x, 312 - lift, 32, 22, PINK, 5))
    return out


def ink_bottle(ink, label):
    return (floor(104) + rect(152, 96, 96, 62, INK, 8) + shine("M164 104h10v46h-10Z")
            + rect(166, 150, 68, 34, "#dfeaf0") + path("M112 178h176l22 24v106q0 22-22 22H112"
                                                       "q-22 0-22-22V202Z", "#dfeaf0")
            + path("M102 220h196v84q0 16-16 16H118q-16 0-16-16Z", ink)
            + rect(138, 228, 124, 70, label, 4) + mark("drop", 200, 258, 17, ink)
            + lines_of_text(200, 283, (60,), ink) + shine("M110 206l8-10v110h-8Z"))


def pen(barrel, metal):
    inside = (path("M182 40h36v196h-36Z", barrel) + path("M182 40q18-22 36 0Z", metal)
              + rect(178, 150, 44, 14, metal, 3) + rect(212, 52, 11, 92, metal, 5)
              + path("M182 236h36l-10 62h-16Z", metal) + path("M192 298h16l-8 34Z", INK)
              + shade("M204 40h14v196h-14Z", ".16") + shine("M188 62h6v80h-6Z"))
    return (line("M92 330c26-26 40 22 66-4s30 18 56 0", NAVY, 5)
            + f'<g transform="translate(26 -8)">{turn(32, inside)}</g>')


def letters(paper, seal):
    def envelope(dx, dy, color):
        x, y = 82 + dx, 142 + dy
        return (rect(x, y, 226, 150, color, 6)
                + shade(f"M{x} {y}l113 84 113-84v12l-113 84-113-84Z", ".12")
                + shade(f"M{x} {y + 144}l84-72 29 22 29-22 84 72v6h-226Z", ".05"))
    return (floor(134, 204, 328) + turn(-7, envelope(4, -30, SKY)) + turn(3, envelope(6, 24, paper))
            + turn(3, circ(201, 246, 22, seal) + mark("dot", 201, 246, 9, "#ffffff59")))


def record(sleeve, art, vinyl=INK, label=TOMATO):
    disc = (circ(262, 200, 112, vinyl) + "".join(
        f'<circle cx="262" cy="200" r="{r}" fill="none" stroke="#fff" stroke-opacity=".16"'
        ' stroke-width="2"/>' for r in (98, 84, 70, 56))
        + circ(262, 200, 38, label) + circ(262, 200, 6, CREAM))
    return (floor(150, 206, 326) + disc + rect(56, 84, 234, 234, sleeve, 4) + art
            + shade("M284 84h2a4 4 0 0 1 4 4v226a4 4 0 0 1-4 4h-2Z", ".2"))


def book(cover, pages, art):
    inside = (path("M110 70h172a8 8 0 0 1 8 8v236a8 8 0 0 1-8 8H110Z", pages)
              + rect(108, 62, 174, 254, cover, 8) + shade("M108 70a8 8 0 0 1 8-8h14v254h-14"
                                                          "a8 8 0 0 1-8-8Z", ".18") + art)
    return floor(112, 200, 332) + turn(-4, inside)


def pot(color, top=236):
    return (path(f"M128 {top + 26}h144l-16 78q-4 {304 - top - 42} -18 {304 - top - 42}h-76"
                 f"q-14 0-18-{304 - top - 42}Z", color)
            + shade(f"M212 {top + 26}h60l-16 78q-4 {304 - top - 42} -18 {304 - top - 42}h-34Z",
                ".1")
            + rect(118, top, 164, 34, color, 6) + shade(f"M118 {top + 24}h164v4a6 6 0 0 1-6 6"
                                                       "h-152a6 6 0 0 1-6-6Z", ".18"))


def split_leaf(pot_color):
    def leaf(x, y, s, angle, color):
        half = (f"M{x} {y}c{-s * .9:g} {-s * .1:g} {-s} {-s * .8:g} {-s * .75:g} {-s * 1.2:g}"
                f"l{s * .3:g} {s * .12:g}l{-s * .12:g} {-s * .3:g}"
                f"c{s * .1:g} {-s * .2:g} {s * .3:g} {-s * .3:g} {s * .57:g} {-s * .35:g}Z")
        flip = f'<g transform="translate({2 * x} 0) scale(-1 1)">{path(half, color)}</g>'
        return turn(angle, path(half, color) + flip
                    + line(f"M{x} {y}v{-s * 1.5:g}", "#ffffff59", 3), x, y)
    stems = line("M200 246C200 200 160 190 132 178M200 246C198 190 206 150 208 126"
                 "M200 246C206 210 250 204 278 184", LEAF, 7)
    return (floor(84, 200, 362) + stems + leaf(134, 186, 62, -48, LEAF)
            + leaf(276, 192, 62, 50, "#2f7d55")
            + leaf(206, 150, 68, 4, GREEN) + pot(pot_color))


def snake_plant(pot_color):
    def blade(x, top, lean, half, color):
        return path(f"M{x - half} 244C{x - half - 6 + lean / 2:g} 180 {x - half + lean} 130"
                    f" {x + lean} {top}C{x + half + lean} 130 {x + half + 6 + lean / 2:g} 180"
                    f" {x + half} 244Z", color)
    blades = ""
    for x, top, lean in ((160, 118, -24), (240, 108, 24), (178, 74, -10), (224, 84, 10),
                         (201, 54, 0)):
        blades += blade(x, top, lean, 17, MUSTARD) + blade(x, top + 26, lean, 10, GREEN)
    return floor(84, 200, 362) + blades + pot(pot_color)


def cactus(pot_color):
    spines = "".join(line(f"M{x} {y}l0 10", CREAM, 4) for x, y in (
        (160, 170), (160, 204), (180, 146), (180, 186), (180, 220), (200, 136), (200, 170),
        (200, 206), (220, 146), (220, 186), (220, 220), (240, 170), (240, 204)))
    flower = "".join(turn(a, ell(200, 96, 10, 18, ROSE), 200, 112) for a in range(-60, 61, 40))
    return (floor(84, 200, 362) + flower + ell(200, 188, 68, 76, LEAF)
            + shade("M214 114c36 6 54 38 54 74c0 40-24 72-62 76c34-42 34-110 8-150Z", ".12")
            + spines + pot(pot_color))


def trailing(pot_color):
    out = rect(60, 176, 280, 14, SAND, 4)
    out += path("M142 96h116l-12 66q-3 14-16 14h-60q-13 0-16-14Z", pot_color)
    out += rect(134, 84, 132, 22, pot_color, 5)
    for x, steps in ((138, 9), (164, 6), (236, 7), (262, 10)):
        out += line(f"M{x} 88v{steps * 24 - 8}", LEAF, 4)
        out += "".join(circ(x + (11 if i % 2 else -11), 92
                + i * 23, 11, LEAF if i % 3 else "#7dba83")
                       for i in range(steps))
    return out + "".join(circ(x, y, 14, c) for x, y, c in (
        (152, 76, LEAF), (178, 66, "#7dba83"), (204, 72, GREEN), (230, 64, LEAF), (252, 76,
            "#7dba83")))


def basil(pot_color):
    leaves = "".join(turn(a, ell(x, y - 22, 19, 30, c), x, y) for x, y, a, c in (
        (150, 226, -50, GREEN), (250, 226, 50, GREEN), (170, 200, -30, LEAF), (230, 200, 30, LEAF),
        (200, 220, 0, "#2f7d55"), (160, 170, -56, LEAF), (240, 170, 56, LEAF), (182, 160, -22,
            "#7dba83"),
        (218, 160, 22, "#7dba83"), (200, 136, 0, LEAF), (200, 184, 0, GREEN)))
    return (floor(84, 200, 362) + line("M200 240V150M200 230L160 180M200 230L240 180", LEAF, 6)
            + leaves + pot(pot_color))


def watering_can(body, rose):
    return (floor(122) + line("M256 188c84-14 84 116 6 110", body, 16)
            + line("M140 286L66 168", body, 20) + path("M38 172l44-28 10 16-44 28Z", rose)
            + line("M150 186C156 120 236 120 244 186", rose, 14)
            + path("M124 186h148l10 130q0 14-14 14H128q-14 0-14-14Z", body)
            + shade("M222 186h50l10 130q0 14-14 14h-38q6-80-8-144Z", ".12")
            + rect(118, 180, 160, 18, rose, 6) + mark("drop", 186, 258, 24, "#ffffff80"))


ART = {  # on a record sleeve of 56,84 .. 290,318
    "bars": "".join(rect(80 + i * 32, 282 - h, 22, h, c) for i, (h, c) in enumerate((
        (60, TOMATO), (110, MUSTARD), (86, CREAM), (140, ROSE), (96, MUSTARD), (48, TOMATO)))),
    "sun": circ(173, 200, 70, TOMATO) + circ(173, 200, 46, MUSTARD)
    + lines_of_text(173, 292, (120,), CREAM, 12, 7),
    "stairs": path("M80 294V254h40v-36h40v-36h40v-36h40v-36h26v184Z", CREAM)
    + circ(114, 140, 24, MUSTARD),
    "grid": "".join(circ(92 + i * 40, 122 + j * 40, 13, (CREAM, TOMATO, INK)[(i * 2 + j) % 3])
                    for i in range(5) for j in range(5)),
    "waves": "".join(line(f"M72 {140 + j * 36}q25-30 50 0t50 0t50 0t50 0", c, 9)
                     for j, c in enumerate((CREAM, SKY, CREAM, MINT, CREAM))),
}
COVER = {  # on a book of 108,62 .. 282,316
    "soup": ell(204, 210, 62, 16, CREAM)
            + path("M142 210h124c0 40-28 62-62 62s-62-22-62-62Z", MUSTARD)
    + line("M182 182c-10-14 10-20 0-36M224 182c-10-14 10-20 0-36", CREAM, 7)
    + lines_of_text(204, 92, (110, 76), CREAM, 20, 10),
    "cat": path("M158 300c0-60 8-84 24-98l-6-46 26 22h20l26-22-6 46c16 14 24 38 24 98Z", INK)
    + circ(196, 202, 7, MUSTARD) + circ(228, 202, 7, MUSTARD) + path("M206 218h12l-6 8Z", ROSE)
    + lines_of_text(206, 92, (100, 70), INK, 20, 10),
    "corner": path("M150 290V170l56-40v160Z", CREAM) + path("M206 130l56 40v120h-56Z", MUSTARD)
    + rect(166, 200, 24, 30, NAVY) + rect(222, 200, 24, 30, NAVY)
    + lines_of_text(206, 88, (90,), CREAM, 20, 10),
}

# sku: (room, drawing, arguments)
PICTURES = {
    "SNK-001": ("butter", sneaker, dict(upper=CREAM, accent=TOMATO, sole=WHITE, lace=TOMATO)),
    "SNK-002": ("sky", sneaker, dict(upper=SKY, accent=NAVY, sole=WHITE, toe=SKY)),
    "SNK-003": ("mint", sneaker, dict(upper=GREEN, accent=CREAM, high=True)),
    "SNK-004": ("sand", sneaker, dict(upper=WHITE, accent="#e9e1d2", sole=WHITE, lace=SAND)),
    "SNK-005": ("lilac", sneaker, dict(upper=NAVY, accent=PLUM, sole=CREAM, lace=LILAC, high=True)),
    "SNK-006": ("rose", socks, dict(main=CREAM, stripe=TOMATO)),
    "PAN-001": ("mint", bottle, dict(glass="#3f6b3c", label=CREAM, emblem=GREEN, sign="leaf",
                cap=INK)),
    "PAN-002": ("rose", bottle, dict(glass=TOMATO, label=MUSTARD, emblem=INK, sign="flame",
                cap=GREEN, slim=True)),
    "PAN-003": ("butter", jar, dict(fill=MUSTARD, lid=INK, label=CREAM, emblem=CLAY, sign="hex")),
    "PAN-004": ("sand", jar, dict(fill="#e0812f", lid=CREAM, label=WHITE, emblem=TOMATO,
                sign="sun")),
    "PAN-005": ("sky", flat_tin, dict(paper=TOMATO, ink=CREAM, sign="fish")),
    "PAN-006": ("butter", flat_tin, dict(paper=NAVY, ink=MUSTARD, sign="shell")),
    "PAN-007": ("mint", can, dict(paper=TOMATO, band=GREEN, emblem=TOMATO, sign="dot")),
    "PAN-008": ("lilac", can, dict(paper=SAND, band=PLUM, emblem=LEAF, sign="leaf")),
    "PAN-009": ("sky", carton, dict(front=NAVY, side="#1b3352", emblem=NAVY, sign="dot",
                window=True)),
    "PAN-010": ("sand", bar, dict(paper=INK, foil=MUSTARD, emblem=SKY, sign="drop")),
    "PAN-011": ("mint", bar, dict(paper=CLAY, foil=STEEL, emblem=CREAM, sign="leaf")),
    "PAN-012": ("rose", can, dict(paper=MUSTARD, band=TOMATO, emblem=TOMATO, sign="flame")),
    "COF-001": ("rose", pouch, dict(paper=INK, label=TOMATO, emblem=CREAM, sign="sun")),
    "COF-002": ("butter", pouch, dict(paper=CREAM, label=MUSTARD, emblem=INK, sign="leaf")),
    "COF-003": ("lilac", pouch, dict(paper=NAVY, label=LILAC, emblem=NAVY, sign="moon")),
    "COF-004": ("sand", stove_pot, dict(metal=STEEL, grip=INK)),
    "COF-005": ("mint", mug, dict(glaze=GREEN, inside=BROWN)),
    "COF-006": ("rose", mug, dict(glaze=TOMATO, inside=BROWN)),
    "COF-007": ("butter", carton, dict(front=PLUM, side="#532b46", emblem=TOMATO, sign="flame")),
    "COF-008": ("mint", carton, dict(front=LEAF, side="#3b7d4a", emblem=GREEN, sign="leaf")),
    "HOM-001": ("mint", candle, dict(glass=GREEN, label=CREAM, emblem=GREEN, sign="leaf")),
    "HOM-002": ("sky", candle, dict(glass=CLAY, label=CREAM, emblem=NAVY, sign="drop")),
    "HOM-003": ("lilac", lamp, dict(cap=TOMATO, stem=CREAM)),
    "HOM-004": ("butter", tote, dict(cloth=CREAM, ink=GREEN)),
    "HOM-005": ("sky", tote, dict(cloth=NAVY, ink=MUSTARD, dark=True)),
    "HOM-006": ("sand", vase, dict(glaze=CLAY, tall=False, stems=((-54, 66, ROSE), (4, 100,
                WHITE), (56, 58, ROSE)))),
    "HOM-007": ("rose", vase, dict(glaze=NAVY, tall=True, stems=((-34, 52, WHITE), (38, 64,
                LILAC)))),
    "HOM-008": ("sky", folded, dict(cloth=MINT, stripe="#ffffff90", waffle=True)),
    "HOM-009": ("sand", folded, dict(cloth=CREAM, stripe=TOMATO)),
    "HOM-010": ("mint", soap, dict(bar_color="#b9c48a", paper=CREAM, emblem=GREEN, sign="leaf")),
    "HOM-011": ("sky", soap, dict(bar_color=PINK, paper=CLAY, emblem=CREAM, sign="sun")),
    "HOM-012": ("butter", kettle, dict(enamel=GREEN, grip=INK)),
    "STA-001": ("mint", notebook, dict(cover=GREEN, spine=INK, elastic=TOMATO, sign="dot")),
    "STA-002": ("rose", notebook, dict(cover=ROSE, spine=PLUM, elastic=PLUM, sign="sun")),
    "STA-003": ("sky", notebook, dict(cover=MUSTARD, spine=NAVY, elastic=NAVY, sign="moon",
                small=True)),
    "STA-004": ("sand", pencils, dict(colors=(TOMATO, MUSTARD, GREEN, SKY, PLUM))),
    "STA-005": ("butter", ink_bottle, dict(ink=GREEN, label=CREAM)),
    "STA-006": ("rose", ink_bottle, dict(ink=NAVY, label=CREAM)),
    "STA-007": ("lilac", pen, dict(barrel=GREEN, metal=MUSTARD)),
    "STA-008": ("rose", letters, dict(paper=CREAM, seal=TOMATO)),
    "REC-001": ("rose", record, dict(sleeve=INK, art=ART["bars"])),
    "REC-002": ("butter", record, dict(sleeve=ROSE, art=ART["sun"], vinyl="#e0812f", label=CREAM)),
    "REC-003": ("sky", record, dict(sleeve=NAVY, art=ART["stairs"], label=MUSTARD)),
    "REC-004": ("lilac", record, dict(sleeve=MUSTARD, art=ART["grid"], label=NAVY)),
    "REC-005": ("mint", record, dict(sleeve=GREEN, art=ART["waves"], label=SKY)),
    "REC-006": ("butter", book, dict(cover=TOMATO, pages=CREAM, art=COVER["soup"])),
    "REC-007": ("sky", book, dict(cover=ROSE, pages=WHITE, art=COVER["cat"])),
    "REC-008": ("sand", book, dict(cover=GREEN, pages=CREAM, art=COVER["corner"])),
    "PLA-001": ("rose", split_leaf, dict(pot_color=CLAY)),
    "PLA-002": ("lilac", snake_plant, dict(pot_color=CREAM)),
    "PLA-003": ("butter", cactus, dict(pot_color=TOMATO)),
    "PLA-004": ("sky", trailing, dict(pot_color=NAVY)),
    "PLA-005": ("sand", basil, dict(pot_color=CLAY)),
    "PLA-006": ("mint", watering_can, dict(body=MUSTARD, rose=NAVY)),
}


def picture(sku):
    room, drawing, options = PICTURES[sku]
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400"'
            ' width="400" height="400">' + rect(0, 0, 400, 400, ROOM[room])
            + drawing(**options) + "</svg>\n")


def main(argv):
    check = argv == ["--check"]
    if argv and not check:
        sys.exit("usage: make_pictures.py [--check]")
    with open(HERE / "products.csv", newline="", encoding="utf-8") as file:
        skus = [row["sku"] for row in csv.DictReader(file)]
    if set(skus) != set(PICTURES):
        sys.exit(f"products and pictures differ: {sorted(set(skus) ^ set(PICTURES))}")
    for sku in skus:
        text, file = picture(sku), IMG / f"{sku}.svg"
        if len(text.encode()) >= MAX_BYTES:
            sys.exit(f"{sku}: {len(text.encode())} bytes")
        if check and file.read_text(encoding="utf-8") != text:
            sys.exit(f"{file.name} is stale, run make_pictures.py")
        if not check:
            file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
