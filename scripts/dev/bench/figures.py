"""How the benches print what they measured: as rows of tables in Markdown."""
import statistics

HEAD = "| figure | isolated | plain | ratio | goal |\n| --- | --- | --- | --- | --- |"


def spread(values, unit):
    """The median of values, with the quartiles."""
    middle = statistics.median(values)
    low, high = values[0], values[0]
    if len(values) > 1:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    digits = 1 if middle >= 10 else 2
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f}–{high:.{digits}f})"


def row(name, *cells):
    print("|", " | ".join([name, *cells]), "|", flush=True)


def verdict(met):
    return "met" if met else "not met"


def compare(name, plain, isolated, unit, scale=1, goal=None):
    """Print a row of two lists of seconds, in unit (scale to a second), and of
    the most that their medians' ratio may be."""
    plain, isolated = ([t * scale for t in times] for times in (plain, isolated))
    ratio = statistics.median(isolated) / statistics.median(plain)
    wanted = f"at most {goal}: {verdict(ratio <= goal)}" if goal else ""
    row(name, spread(isolated, unit), spread(plain, unit), f"{ratio:.2f}", wanted)
