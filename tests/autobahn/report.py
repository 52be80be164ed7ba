"""What the fuzzing client is to run, and what came of it. Runs in the suite's own environment.

report.py spec TEMPLATE AGENT URL OUTDIR [CASE...]           prints the client's specification
report.py summary TEMPLATE REPORTS AGENT... -- [CASE...]     prints results; exit status 1 where one is bad
"""

from __future__ import print_function

import json
import os
import sys

from autobahntestsuite.case import CaseBasename, CaseCategories, Cases, CaseSetname, CaseSubCategories
from autobahntestsuite.caseset import CaseSet

# What is neither OK nor informational, and why it is right all the same. Whatever else is a failure, and so
# is a case that is not what it says here any more.
WHOLE_FRAMES = "a frame is looked at once it is whole, and then closed with 1007; fragments are, one by one"
WINDOW = "server_max_window_bits=9 is declined: frames are compressed once for all, with the whole window"
ARGUED = {"6.4.3": ("NON-STRICT", WHOLE_FRAMES), "6.4.4": ("NON-STRICT", WHOLE_FRAMES)}
ARGUED.update(("13.%d.%d" % (offer, size), ("UNIMPLEMENTED", WINDOW)) for offer in (3, 5) for size in range(1, 19))

GOOD = ("OK", "INFORMATIONAL")
COLUMNS = ("OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED")


def spec(template, agent, url, outdir, *cases):
    made = json.load(open(template))
    made["outdir"] = outdir
    made["servers"] = [{"agent": agent, "url": url}]
    made["cases"] = list(cases) or made["cases"]
    print(json.dumps(made, indent=1))


def wanted(template, cases):
    made = json.load(open(template))
    made["cases"] = cases or made["cases"]
    return CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories).parseSpecCases(made)


def summary(template, reports, *rest):
    split = rest.index("--")
    agents, cases = rest[:split], wanted(template, list(rest[split + 1:]))
    row = "%-10s" + " %8s" * 3 + " %13s" * 4
    print(row % (("", "cases", "failed", "argued") + COLUMNS))
    bad, argued = [], {}
    for agent in agents:
        index = os.path.join(reports, agent, "index.json")
        results = json.load(open(index)).get(agent, {}) if os.path.exists(index) else {}
        failed, excused = 0, 0
        for case in cases:
            result = results.get(case, {"behavior": "MISSING", "behaviorClose": "MISSING"})
            behavior, close = result["behavior"], result["behaviorClose"]
            expected, why = ARGUED.get(case, (None, None))
            if expected == behavior and close in GOOD:
                excused += 1
                argued.setdefault((behavior, why), set()).add(case)
            elif expected or behavior not in GOOD or close not in GOOD:
                failed += 1
                if results:
                    bad.append("%s: case %s: %s, close: %s" % (agent, case, behavior, close))
        if not results:
            bad.append("%s: no case has a result; see %s.log and %s.out" % (agent, agent, agent))
        counts = [sum(result["behavior"] == column for result in results.values()) for column in COLUMNS]
        print(row % ((agent, len(cases), failed, excused) + tuple(counts)))
    for (behavior, why), which in sorted(argued.items()):
        ids = sorted(which, key=lambda case: [int(part) for part in case.split(".")])
        shown = ", ".join(ids) if len(ids) < 5 else "%s to %s (%d)" % (ids[0], ids[-1], len(ids))
        print("%s: %s: %s" % (behavior, shown, why))
    for line in bad:
        print(line)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    {"spec": spec, "summary": summary}[sys.argv[1]](*sys.argv[2:])
