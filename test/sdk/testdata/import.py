"""Imports two objects through the SDK and prints as JSON what it saw."""

import json
import time

import httpx
from safetykit import APIStatusError, Safetykit

client = Safetykit()
upload = client.data.create_upload_url("users")
first = client.data.get_status(upload.request_id, namespace="users")
seen = [first.status]

body = "".join(json.dumps({"id": name}) + "\n" for name in ("a", "b"))
httpx.put(upload.upload_url, content=body, headers={"Content-Type": "application/json"}).raise_for_status()

deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    status = client.data.get_status(upload.request_id, namespace="users")
    if status.status != seen[-1]:
        seen.append(status.status)
    if status.status in ("succeeded", "failed"):
        break
    time.sleep(0.02)

results = client.data.get_download_url(upload.request_id, namespace="users")
lines = httpx.get(results.data_url).raise_for_status().text.splitlines()

refused = None
try:
    client.with_options(api_key="sk_wrong", max_retries=0).data.create_upload_url("users")
except APIStatusError as error:
    refused = type(error).__name__

print(
    json.dumps(
        {
            "seen": seen,
            "first": first.data,
            "ids": [one.id for one in status.data],
            "count": results.data_count,
            "lines": len(lines),
            "single": client.data.add("users", data={"id": "c"}).status,
            "refused": refused,
        }
    )
)
