"""How the benches hand over what they measured: a line of JSON for each figure.

"sandbox table" reads these lines and prints a table.
"""

import json


def emit(figure, unit, isolated, plain=(), scale=1, **goals):
    """Prints the values of a figure, each multiplied by scale, which makes them of that unit.

    goals are ratios, a list of the most that the medians' ratio may be, and most,
    the most that the isolated median may be.
    """
    values = {"isolated": [v * scale for v in isolated], "plain": [v * scale for v in plain]}
    print(json.dumps({"figure": figure, "unit": unit, **values, **goals}), flush=True)


def absent(figure, why):
    """Prints that a figure couldn't be measured."""
    print(json.dumps({"figure": figure, "absent": why}), flush=True)
