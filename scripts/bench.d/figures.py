"""How the benches print what they measured."""
import statistics


def report(name, plain, isolated, unit, scale=1):
    """Print the medians of two lists of seconds, in unit (scale to a second)."""
    p, i = statistics.median(plain) * scale, statistics.median(isolated) * scale
    print(f"{name:34} plain {p:8.3f} {unit:2}  isolated {i:8.3f} {unit:2}  ratio {i / p:.2f}")
