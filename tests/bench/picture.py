"""The picture of a bench: rates over sizes on logarithmic axes, one panel a workload, as SVG."""

import math
from html import escape

WIDTH, HEIGHT = 1240, 520
PANEL_WIDTH, PANEL_HEIGHT = 380, 350
LEFT, TOP, BETWEEN = 78, 92, 210  # the lines are named to the right of each panel
LABEL_STEP = 17
INK, QUIET, GRID = "#1f2933", "#5f6b7a", "#e4e8ee"
LOOKS = {  # colour, width, dashes
    "nianshen": ("#0b5fc0", 3.2, ""),
    "COPY, primary key": ("#5f6b7a", 1.8, "6 4"),
    "Go": ("#0a8f6a", 1.8, ""),
    "Python": ("#c77700", 1.8, ""),
    "Debezium's sink": ("#b8365d", 1.8, ""),
}
PANELS = {"W1": ("W1: national mix", "units", "units a second"), "W2": ("W2: one unit in list mode", "entries", "entries a second")}


def short(value):
    for factor, letter in ((1_000_000, "M"), (1000, "k")):
        if value >= factor:
            return f"{value / factor:g} {letter}"
    return f"{value:g}"


def rounded(value):
    """A rate for a label: three digits."""
    digits = 10 ** max(0, math.floor(math.log10(value)) - 2)
    return f"{round(value / digits) * digits:,.0f}"


def ticks(least, most):
    """1, 2 and 5 of each power of ten when there is room, else the powers."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    steps = (1, 2, 5) if math.log10(most / least) < 2.2 else (1,)
    return [v for p in powers for v in (s * 10 ** p for s in steps) if least * 0.999 <= v <= most * 1.001]


class Scale:
    """From a value to its place, logarithmically."""

    def __init__(self, values, start, length, margin):
        self.least, self.most = min(values) / margin, max(values) * margin
        self.start, self.length = start, length

    def __call__(self, value):
        return self.start + self.length * math.log(value / self.least) / math.log(self.most / self.least)


def text(x, y, words, size=13, fill=INK, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def line(x1, y1, x2, y2, stroke, width=1.0):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"/>'


def grid(x, y, panel):
    title, size_name, rate_name = PANELS[panel["chart"]]
    left, right, top, bottom = x.start, x.start + x.length, y.start + y.length, y.start
    yield text(left, top - 34, title, 16, more='font-weight="600"')
    yield text(left, top - 14, rate_name, 12, QUIET)
    for value in ticks(y.least, y.most):
        yield line(left, y(value), right, y(value), GRID)
        yield text(left - 8, y(value) + 4, short(value), 12, QUIET, "end")
    for value in panel["sizes"]:
        yield line(x(value), bottom, x(value), bottom + 5, QUIET)
        yield text(x(value), bottom + 21, short(value), 12, QUIET, "middle")
    yield line(left, bottom, right, bottom, QUIET)
    yield text((left + right) / 2, bottom + 42, size_name, 12, QUIET, "middle")


def curve(x, y, points, who):
    colour, width, dashes = LOOKS[who]
    places = [(x(p["size"]), y(p["median"])) for p in points]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}" stroke-linejoin="round"/>'
    for point, (a, b) in zip(points, places):
        if point["most"] > point["least"]:
            yield line(a, y(point["least"]), a, y(point["most"]), colour, 1.2)
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{width + 1.3:.1f}" fill="{colour}" stroke="#ffffff" stroke-width="1.2"/>'


def names(x, y, curves):
    """Each curve's name beside its end, moved apart where they would touch."""
    ends = sorted((y(points[-1]["median"]), who, points[-1]["median"]) for who, points in curves.items())
    free = -math.inf
    for place, who, rate in ends:
        free = max(place + 4, free + LABEL_STEP)
        weight = 'font-weight="600"' if who == "nianshen" else ""
        yield text(x.start + x.length + 10, free, f"{who}  {rounded(rate)}", 12.5, LOOKS[who][0], more=weight)


def draw_panel(chart, points, left):
    curves = {who: sorted((p for p in points if p["who"] == who), key=lambda p: p["size"]) for who in LOOKS}
    curves = {who: found for who, found in curves.items() if found}
    sizes = sorted({p["size"] for p in points})
    x = Scale(sizes, left, PANEL_WIDTH, 1.15)
    y = Scale([v for p in points for v in (p["least"], p["most"])], TOP + PANEL_HEIGHT, -PANEL_HEIGHT, 1.25)
    yield from grid(x, y, {"chart": chart, "sizes": sizes})
    for who, found in reversed(curves.items()):  # ours above all
        yield from curve(x, y, found, who)
    yield from names(x, y, curves)


def draw(data):
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
             f'font-family="Helvetica, Arial, Liberation Sans, sans-serif">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']
    charts = [c for c in PANELS if any(p["chart"] == c for p in data["points"])]
    for n, chart in enumerate(charts):
        points = [p for p in data["points"] if p["chart"] == chart]
        parts += draw_panel(chart, points, LEFT + n * (PANEL_WIDTH + BETWEEN))
    machine = data["machine"]
    parts.append(text(LEFT, HEIGHT - 20, f"{data['when']}, {machine['cores']} cores, PostgreSQL {machine['postgres']}, fsync on. Medians; bars are the spread of the "
                      "rounds. The peers only write rows: no validation, no rules.", 12, QUIET))
    return "\n".join([*parts, "</svg>\n"])
