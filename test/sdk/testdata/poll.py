"""Polls requests through the SDK until each has come to its end.

Reads pairs of request_id and namespace as JSON from standard input and prints, as
JSON and in the same order, what it saw of each.
"""

import json
import sys
import time

from safetykit import Safetykit

client = Safetykit()
deadline = time.monotonic() + 180
requests = json.load(sys.stdin)
polled = [{"seen": [], "ids": [], "summary": None} for _ in requests]


def ended(one):
    return one["seen"][-1:] in (["succeeded"], ["failed"])


while time.monotonic() < deadline and not all(map(ended, polled)):
    for request, one in zip(requests, polled):
        if ended(one):
            continue
        answer = client.data.get_status(request["request_id"], namespace=request["namespace"])
        if [answer.status] != one["seen"][-1:]:
            one["seen"].append(answer.status)
        one["ids"] = [result.id for result in answer.data]
        one["summary"] = answer.error_summary
    time.sleep(0.05)

print(json.dumps(polled))
