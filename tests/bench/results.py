"""What a bench found: collected while it runs, kept as JSON, told as Markdown. Stands on nothing but Python, so that a report can be written anywhere."""

import math
import statistics
import time

COUNTRY_UNITS = 2_500_000  # and 272 million members, a year


class Series:
    """The values of all rounds, told as median and spread."""

    def __init__(self, values):
        self.values = list(values)

    @property
    def median(self):
        return statistics.median(self.values)

    def __truediv__(self, other):
        """Round by round: what ran side by side is compared."""
        return Series(a / b for a, b in zip(self.values, other.values))

    def json(self):
        return {"median": self.median, "least": min(self.values), "most": max(self.values), "values": self.values}


def rate(runs, count):
    """Of runs that each did `count` of something, a second."""
    return Series(count / r.seconds for r in runs)


def seconds(runs):
    return Series(r.seconds for r in runs)


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1 or value == 0 else f"{value:.2f}"


def spread(values):
    if len(values["values"]) == 1:
        return f"{number(values['median'])} (once)"
    return f"{number(values['median'])} ({number(values['least'])} to {number(values['most'])})"


def small(value):
    """Seconds of CPU."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def growth_of(costs):
    """From what a unit costs at several sizes: the exponent with which that grows, from the smallest to the largest; None for a single size."""
    least, most = min(costs), max(costs)
    if least == most:
        return None
    return math.log(costs[most].median / costs[least].median) / math.log(most / least)


class Report:
    def __init__(self, setting, say):
        self.setting, self.say = setting, say
        self.targets, self.runs, self.figures, self.points, self.notes = [], [], [], [], []

    def figure(self, workload, name, unit, series):
        """A single number."""
        self.figures.append({"workload": workload, "name": name, "unit": unit, **series.json()})
        self.say(f"{workload} {name}: {spread(series.json())} {unit}")

    def ran(self, workload, name, runs, count, unit, entries=None):
        """What runs of one kind took that each did `count` of something; `entries`, where not the same, for the CPU a thousand of them."""
        a_second = rate(runs, count)
        self.runs.append({
            "workload": workload, "name": name, "unit": unit, "rate": a_second.json(), "seconds": seconds(runs).json(),
            **{part: Series(getattr(r, part) for r in runs).json() for part in ("own_cpu", "postgres_cpu", "broker_cpu", "others_cpu", "rss_mib")},
            "own_cpu_ms_per_1000": Series(r.own_cpu / (entries or count) * 1e6 for r in runs).json(),
        })
        self.say(f"{workload} {name}: {spread(a_second.json())} {unit} a second")

    def point(self, chart, who, size, a_second):
        """A dot of the picture."""
        self.points.append({"chart": chart, "who": who, "size": size, **a_second.json()})

    def note(self, text):
        self.notes.append(text)

    def target(self, name, target, stretch, series, at_most=False):
        """A ratio that is asked for; one without a target is only told."""
        is_reached = target is None or (series.median <= target if at_most else series.median >= target)
        self.targets.append({"name": name, "target": target, "stretch": stretch, "at_most": at_most, "is_reached": is_reached, **series.json()})

    def country(self, costs):
        """The year of the whole country, from seconds a unit by size."""
        most, exponent = max(costs), growth_of(costs)
        factor = (COUNTRY_UNITS / most) ** max(0, exponent or 0)
        minutes = Series(COUNTRY_UNITS * cost * factor / 60 for cost in costs[most].values)
        self.target("the whole country's year (2.5 million units), extrapolated, minutes", 60, 10, minutes, at_most=True)
        measured = "the growth was not measured, and none is assumed"
        if exponent is not None:
            measured = (f"from {min(costs):,} to {most:,} units the cost of a unit grew as size^{exponent:.3f}, "
                        + ("which goes on" if exponent > 0 else "and no gain is counted on"))
        self.note(f"The whole country's year is extrapolated, not run: 2.5 million units at the cost of a unit at {most:,} units "
                  f"({costs[most].median * 1000:.2f} ms) x {factor:.2f}: {measured}. 2.5 million units of W1's mix are 275 million members; the country has 272 million.")

    def json(self):
        own = sum(sum(r[part]["values"]) for r in self.runs for part in ("own_cpu", "postgres_cpu", "broker_cpu"))
        others = sum(sum(r["others_cpu"]["values"]) for r in self.runs)
        return {**self.setting, "minutes": round(time.monotonic() / 60 - self.setting["began"] / 60, 1), "others_share": others / (own + others) if own else 0,
                "targets": self.targets, "runs": self.runs, "figures": self.figures, "points": self.points, "notes": self.notes}


# ---- Markdown ----

def target_lines(data):
    yield "| | target | stretch | reached: median (spread) | |"
    yield "| --- | --- | --- | --- | --- |"
    for t in data["targets"]:
        sign = "≤" if t["at_most"] else "≥"
        if t["target"] is None:
            yield f"| {t['name']} | | | {spread(t)} | |"
        else:
            is_stretched = t["median"] <= t["stretch"] if t["at_most"] else t["median"] >= t["stretch"]
            word = "**no**" if not t["is_reached"] else "stretch" if is_stretched else "yes"
            yield f"| {t['name']} | {sign} {t['target']} | {sign} {t['stretch']} | {spread(t)} | {word} |"


def run_lines(data):
    yield "| | | a second: median (spread) | seconds | CPU s: own / PostgreSQL / broker | memory, MiB | own CPU, ms per 1,000 |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for r in data["runs"]:
        cpu = " / ".join(small(r[part]["median"]) for part in ("own_cpu", "postgres_cpu", "broker_cpu"))
        memory = number(r["rss_mib"]["most"]) if r["rss_mib"]["most"] else ""
        yield (f"| {r['workload']} | {r['name']} | {spread(r['rate'])} {r['unit']} | {number(r['seconds']['median'])} | {cpu} | {memory} "
               f"| {number(r['own_cpu_ms_per_1000']['median'])} |")


def figure_lines(data):
    yield "| | | median (spread) | |"
    yield "| --- | --- | --- | --- |"
    for f in data["figures"]:
        yield f"| {f['workload']} | {f['name']} | {spread(f)} | {f['unit']} |"


def tables(data):
    return "\n".join([*target_lines(data), "", *run_lines(data), "", *figure_lines(data), "", *data["notes"]])


def report(data, picture):
    """A whole report in Markdown. picture: the file that stands beside it, or None."""
    machine = data["machine"]
    shown = f"![Rates over sizes]({picture.name})\n\n" if picture else ""
    return f"""# Bench of {data["when"]}

`{data["command"]}` at {data["commit"]} took {data["minutes"]:.0f} minutes. {machine["cores"]} cores ({machine["cpu"]}), {machine["memory_gib"]} GiB, {machine["system"]}, kernel
{machine["kernel"]}; PostgreSQL {machine["postgres"]}, librdkafka {machine["librdkafka"]}, Java {machine["java"]}. Of the CPU that was spent while something was measured, others on
the machine took {data["others_share"] * 100:.0f} %; the load was {machine["load"]:.2f} before, and the first touch of 1 GiB of memory took {machine["touch_seconds"]:.1f} s.
What the workloads, limits and peers are stands in [performance.md](performance.md).

{shown}{tables(data)}

Own CPU is that of the worker, the peer or the client; per 1,000 of the entries that the records hold (W1, W2), of members removed (W3), of submissions (W5). Memory is the largest of any
round, of the largest process. Debezium's sink runs without counting the start of its JVM.
"""
