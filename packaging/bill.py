"""Takes out of a CycloneDX bill of materials what differs from one making to the next."""

import datetime
import json
import os
import sys

bill = json.load(sys.stdin)
made = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
bill["metadata"]["timestamp"] = made.strftime("%Y-%m-%dT%H:%M:%SZ")
for tool in bill["metadata"]["tools"]:
    tool.pop("hashes", None)
bill["metadata"]["component"].pop("hashes", None)
json.dump(bill, sys.stdout, indent=2)
print()
