"use strict";
// Reads /status every two seconds and shows it. Everything from the bridge is
// set as text, never as markup. Keeps five minutes of history in memory.
(() => {
  const PERIOD = 2000, HIDDEN_PERIOD = 15000, HISTORY = 5 * 60 * 1000, ROWS = 100, IMPORTS = 10, HELD = 20, RECENT = 60 * 60 * 1000;
  const $ = (id) => document.getElementById(id);
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const severity = { failed: 0, held: 1, retrying: 2, paused: 3, uploading: 4 };
  const tones = { failed: "bad", held: "bad", retrying: "warn", paused: "warn", uploading: "good", reading: "good",
    succeeded: "good", "succeeded with errors": "warn", unknown: "warn" };
  const verdicts = { failed: 0, succeeded_with_errors: 1, unknown: 2 };
  const pins = { batch: "batch of", held_namespace: "held namespace", held_record: "held record", dead_letter: "dead letter", receipt: "receipt of" };
  const pin = (p) => (p.pinned_by ? p.pinned_by.kind : "");

  let latest = null, history = [], started = null, skew = 0, paused = false, busy = false, timer = 0, answeredAt = 0;
  const tables = {
    imports: { limit: IMPORTS, none: "Nothing has been imported yet." },
    namespaces: { limit: ROWS, none: "No batch is being filled or uploaded." },
    partitions: { limit: ROWS, none: "No partition is assigned." },
  };

  // Text is written only where it changed, so that live regions stay quiet.
  const put = (id, text) => { const e = $(id); if (e.textContent !== text) e.textContent = text; };
  const list = (v) => (Array.isArray(v) ? v : []);
  const sum = (rows, field) => rows.reduce((n, r) => n + (r[field] || 0), 0);
  const plural = (n, noun) => whole.format(n) + " " + (n === 1 ? noun : noun + (noun.endsWith("ch") ? "es" : "s"));
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".");
  const count = (n) => (typeof n === "number" && n >= 0 ? whole.format(n) : "–");
  const bytes = (n) => {
    if (!(n > 0)) return "0 B";
    const i = Math.min(4, Math.floor(Math.log2(n) / 10));
    const v = n / 1024 ** i;
    return (v < 10 && i ? v.toFixed(1) : Math.round(v)) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][i];
  };
  const span = (ms) => {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min" + (s < 600 && s % 60 ? " " + (s % 60) + " s" : "");
    if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
    return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
  };
  const parse = (when) => { const t = Date.parse(when || ""); return t > 0 ? t : 0; };
  const age = (when) => { const t = parse(when); return t ? span(Date.now() + skew - t) : ""; };
  const ahead = (when) => {
    const t = parse(when);
    if (!t) return "";
    const left = t - Date.now() - skew;
    return left > 0 ? "in " + span(left) : "now";
  };

  function element(tag, text, className) {
    const e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    if (className) e.className = className;
    return e;
  }

  // What pins something for good, each cause once: a held namespace stands for
  // all the partitions that wait for it.
  function problems(s) {
    const ps = list(s && s.partitions);
    return {
      failed: ps.filter((p) => p.state === "failed"),
      namespaces: list(s && s.namespaces).filter((n) => n.state === "held"),
      records: ps.filter((p) => pin(p) === "held_record"),
      ranges: ps.filter((p) => p.state === "held" && !["held_record", "held_namespace"].includes(pin(p))),
    };
  }

  // The latest imports, the latest that failed and the last of each namespace,
  // each once.
  function imports(s) {
    const all = [...list(s && s.imports), ...list(s && s.last_imports)];
    return [...new Map(all.map((i) => [i.namespace + "/" + i.request_id + "/" + i.stored_at, i])).values()];
  }

  // Health at a glance: the first sentence that applies, worst first.
  function verdict(s, error) {
    const ns = list(s && s.namespaces), ps = list(s && s.partitions);
    if (error) return ["bad", "The bridge does not answer", sentence(error) + (s ? " Shown is what it said last." : "")];
    if (s.state === "stopped") return ["calm", "Stopped", "This process has left its consumer group."];
    const kafka = s.kafka_error && sentence(s.kafka_error);
    if (s.state === "draining") {
      return [kafka ? "bad" : "calm", kafka ? "Draining, but Kafka does not answer" : "Draining", (kafka ? kafka + " " : "") +
        "Reading has stopped to hand over the partitions; " + plural(sum(ns, "in_flight"), "upload") + " running, " +
        bytes(s.buffer && s.buffer.bytes) + " left to store."];
    }
    if (s.state === "waiting_for_kafka" || kafka && s.state === "joining") {
      return ["bad", "Waiting for Kafka", (kafka || "No broker answers yet.") + " It keeps trying; nothing is lost."];
    }
    if (kafka) return ["bad", "Running, with trouble at Kafka", kafka + " It keeps trying; nothing is lost."];
    if (s.state === "joining") return ["calm", "Joining the consumer group", "Partitions are being assigned; reading goes on after that."];
    if (s.api_error) return ["bad", "The import API takes no imports", sentence(s.api_error) + " Every import waits; nothing is lost."];
    if (s.registry_error) return ["bad", "The schema registry gives no answers", sentence(s.registry_error) + " Partitions that need a schema wait; nothing is lost."];
    const p = problems(s), parts = [];
    const say = (rows, noun, what) => { if (rows.length) parts.push(plural(rows.length, noun) + " " + what); };
    say(p.namespaces, "namespace", "held");
    say(p.records, "partition", "held at a record");
    say(p.ranges, "partition", "held");
    say(p.failed, "partition", "failed");
    if (parts.length) {
      const n = Object.values(p).flat().length;
      return ["bad", "Running, with " + plural(n, "problem"), parts.join(", ") + ". Everything else goes on; what is held, and why, is listed below."];
    }
    const retrying = ns.filter((n) => n.state === "retrying");
    if (retrying.length) return ["warn", "Running, " + plural(retrying.length, "namespace") + " retrying", sentence("The last error: " + (retrying[0].last_error || "unknown"))];
    if (s.receipts_error) return ["warn", "Running, but no receipts are written", sentence(s.receipts_error) + " Offsets wait for " + plural(s.receipts_waiting || 0, "receipt") + "; nothing is lost."];
    const failed = imports(s).filter((i) => i.status === "failed" && Date.now() + skew - parse(i.finished_at) < RECENT).length;
    if (failed) return ["warn", "Running, " + plural(failed, "import") + " failed", "They were uploaded, and failed in the API's own evaluation within the last hour; they are listed below. Everything else goes on."];
    const pausing = ps.filter((p) => p.state === "paused");
    if (pausing.length) return ["warn", "Running, " + plural(pausing.length, "partition") + " paused", sentence((pausing.find((p) => p.error) || {}).error || "Where they start is being looked up")];
    if (!ps.length) return ["calm", "Running, no partition assigned", "Other members of the group own all partitions, or the topics have none."];
    const age = Math.max(...ps.map((p) => p.lag_seconds || 0));
    return ["good", "Running", "Everything it reads is moving" + (age >= 1 ? "; the oldest record that waits is " + span(age * 1000) + " old." : ".")];
  }

  // A point's rates are those since the point before it.
  function note(at, totals, lag) {
    const last = history[history.length - 1];
    const point = { at, lag, uploaded: totals.records_uploaded || 0, bytes: totals.bytes_uploaded || 0, consumed: totals.records_consumed || 0 };
    for (const [rate, total] of [["rate", "uploaded"], ["byteRate", "bytes"], ["readRate", "consumed"]]) {
      point[rate] = last ? Math.max(0, point[total] - last[total]) * 1000 / Math.max(1, at - last.at) : null;
    }
    history.push(point);
  }

  function remember(s) {
    const now = performance.now(), ps = list(s.partitions);
    note(now, s.totals || {}, ps.length ? sum(ps, "lag_records") : null);
    while (history.length && now - history[0].at > HISTORY + PERIOD) history.shift();
  }

  // What the bridge itself remembers of the minutes before the page was opened,
  // or before the process was another one.
  async function recall(s) {
    if (started === s.started_at) return;
    started = s.started_at;
    history = [];
    const response = await fetch("history", { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!response.ok) return;
    const now = performance.now();
    for (const p of list(await response.json())) {
      const at = now - (Date.now() + skew - parse(p.at));
      if (at < now) note(at, p, p.lag_records);
    }
  }

  // Uploads come in bursts: the figure is the mean of the last fifteen seconds.
  function recent(field) {
    const end = performance.now();
    const points = history.filter((p) => p[field] !== null && end - p.at <= 15000);
    return points.length ? sum(points, field) / points.length : null;
  }

  function chart(id, name, field) {
    const svg = $(id + "-chart"), now = performance.now();
    const points = history.filter((p) => typeof p[field] === "number");
    const peak = points.reduce((m, p) => Math.max(m, p[field]), 0);
    svg.replaceChildren();
    if (points.length < 2) {
      svg.setAttribute("aria-label", name + ": no data yet");
      return put(id + "-peak", "no data yet");
    }
    const x = (p) => (400 * Math.max(0, 1 - (now - p.at) / HISTORY)).toFixed(1);
    const y = (p) => (116 - 108 * (peak ? p[field] / peak : 0)).toFixed(1);
    const line = points.map((p) => x(p) + " " + y(p)).join("L");
    const area = "M" + x(points[0]) + " 120L" + line + "L" + x(points[points.length - 1]) + " 120Z";
    for (const [d, className] of [[area, "area"], ["M" + line, "line"]]) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      path.setAttribute("class", className);
      svg.append(path);
    }
    const last = points[points.length - 1][field];
    svg.setAttribute("aria-label", name + ": now " + whole.format(last) + ", at most " + whole.format(peak) + " in the last five minutes");
    put(id + "-peak", "peak " + short.format(peak));
  }

  function showCards(s) {
    const ns = list(s.namespaces), ps = list(s.partitions), totals = s.totals || {};
    const rate = recent("rate"), read = recent("readRate");
    put("rate", rate === null ? "–" : whole.format(rate) + " /s");
    put("rate-detail", (rate === null ? "" : bytes(recent("byteRate")) + "/s, reads " + whole.format(read) + " /s, ") +
      short.format(totals.records_uploaded || 0) + " in " + plural(totals.batches_flushed || 0, "batch"));
    const behind = ps.filter((p) => p.lag_records > 0).length;
    const oldest = Math.max(0, ...ps.map((p) => p.lag_seconds || 0));
    put("lag", ps.length ? count(sum(ps, "lag_records")) : "–");
    put("lag-detail", !ps.length ? "unknown: no partition is assigned" :
      (behind ? "records, the oldest " + span(oldest * 1000) + " old, " : "records ") + "on " + whole.format(behind) + " of " + plural(ps.length, "partition"));
    put("uploads", count(sum(ns, "in_flight")));
    const filling = ns.filter((n) => n.buffered_records > 0).length;
    put("uploads-detail", whole.format(sum(ns, "buffered_records")) + " records of " + plural(filling, "namespace") + " in memory");
    const used = (s.buffer && s.buffer.bytes) || 0, limit = (s.buffer && s.buffer.limit_bytes) || 0;
    const percent = limit ? Math.min(100, Math.round(100 * used / limit)) : 0;
    put("buffer", percent + " %");
    put("buffer-detail", bytes(used) + " of " + bytes(limit));
    $("buffer-fill").style.width = percent + "%";
    $("buffer-bar").className = percent >= 90 ? "bar warn" : "bar";
    $("buffer-bar").setAttribute("aria-valuenow", String(percent));
    const g = s.group || {};
    put("group", g.state === "none" ? "not a member" : g.state || "–");
    put("group-detail", [g.id, g.generation > 0 ? "generation " + g.generation : "", g.member_id].filter(Boolean).join(", "));
    put("version", s.version || "");
    const up = parse(s.started_at);
    put("uptime", up ? " · up " + span(Date.now() + skew - up) : "");
  }

  // Each cause with its reason and with what helps.
  function heldItems(s) {
    const { failed, namespaces, records, ranges } = problems(s);
    const name = (p) => p.topic + "/" + p.partition;
    const waiting = (n) => list(s.partitions).filter((p) => pin(p) === "held_namespace" && p.pinned_by.namespace === n.name).length;
    return [
      ...namespaces.map((n) => ["Namespace " + n.name, [n.last_error, n.since && "held for " + age(n.since), n.last_request_id && "request " + n.last_request_id,
        waiting(n) && plural(waiting(n), "partition") + (waiting(n) === 1 ? " waits" : " wait") + " for it"],
      "Its records stay in Kafka and are imported as soon as it is accepted again" + (n.next_attempt_at ? ": next attempt " + ahead(n.next_attempt_at) : "") + "."]),
      ...records.map((p) => {
        const reason = p.pinned_by.reason || "", range = reason.match(/^the Kafka batch at offsets (\d+) to (\d+)/);
        const where = name(p) + "@" + (range ? range[1] + "-" + range[2] : p.pinned_by.offset);
        return [(range ? "Kafka batch " : "Record ") + where, [reason, p.error, p.pinned_by.since && "held for " + age(p.pinned_by.since)],
          "Restart with " + (range ? "the BRIDGE_BUFFER_MAX_BYTES that the reason names" : reason.startsWith("tombstone") ? "another BRIDGE_ON_TOMBSTONE" :
            "a setting that makes it valid, with another BRIDGE_ON_INVALID") + ", or with BRIDGE_SKIP_RECORDS=" + where + "."];
      }),
      ...ranges.map((p) => ["Partition " + name(p) + " held", [p.error || "one of its later records is held", describe(p.pinned_by)],
        p.error && !p.error.startsWith("reading pauses") ? "Restart with BRIDGE_KAFKA_OFFSET_RESET=earliest, or set its offset by hand." : ""]),
      ...failed.map((p) => ["Partition " + name(p) + " failed", [p.error, describe(p.pinned_by)], "It is tried again by itself."]),
    ];
  }

  function showHeld(s) {
    const items = heldItems(s);
    $("held-none").hidden = items.length > 0;
    $("held").hidden = items.length === 0;
    $("held").replaceChildren(...items.slice(0, HELD).map(([what, why, help]) => {
      const li = element("li");
      li.append(element("strong", what), element("small", why.filter(Boolean).join(" · ") || "no reason given", "why"));
      if (help) li.append(element("small", help));
      return li;
    }));
    $("held-more").hidden = items.length <= HELD;
    put("held-more", "And " + whole.format(items.length - HELD) + " more: see the tables below.");
  }

  const describe = (pin) => (!pin ? "" : [pins[pin.kind] || pin.kind, pin.namespace].filter(Boolean).join(" ").replace(/ of$/, "") +
    " at " + pin.offset + (pin.since ? ", for " + age(pin.since) : ""));
  const trouble = (n) => (n.last_error ? n.last_error + (n.next_attempt_at ? ", next attempt " + ahead(n.next_attempt_at) : "") : "");
  // The first line is what the offset waits for, the others are why.
  const waits = (p) => [p.pinned_by ? describe(p.pinned_by) : p.error || !p.lag_records ? "" : "nothing: it is being read",
    p.pinned_by && p.pinned_by.reason, p.error].filter(Boolean).join("\n");
  const offset = (n) => (typeof n === "number" && n >= 0 ? String(n) : "–");

  // A column is [label, text of a row, class]; "state" becomes a pill.
  const columns = {
    imports: [
      ["Request id", (i) => i.request_id || "not given"], ["Status", (i) => i.status.replaceAll("_", " "), "state"], ["Namespace", (i) => i.namespace],
      ["Records", (i) => count(i.records), "n"], ["Bytes", (i) => bytes(i.bytes), "n"], ["Stored", (i) => age(i.stored_at) + " ago", "n"],
      ["Took", (i) => (i.finished_at && i.status !== "unfollowed" ? span(parse(i.finished_at) - parse(i.stored_at)) : ""), "n"],
      ["What helps", (i) => (i.status in verdicts ? "bridge import " + i.namespace + " " + i.request_id : ""), "wide"],
    ],
    namespaces: [
      ["Namespace", (n) => n.name], ["State", (n) => n.state, "state"],
      ["Records", (n) => count(n.buffered_records), "n"], ["Bytes", (n) => bytes(n.buffered_bytes), "n"],
      ["Oldest", (n) => age(n.oldest_record_at), "n"], ["In flight", (n) => count(n.in_flight), "n"],
      ["Last request id", (n) => n.last_request_id || ""], ["Trouble", trouble, "wide"],
    ],
    partitions: [
      ["Partition", (p) => p.topic + "/" + p.partition], ["State", (p) => p.state, "state"],
      ["Lag", (p) => count(p.lag_records), "n"], ["Oldest", (p) => (p.lag_records ? span(1000 * (p.lag_seconds || 0)) : ""), "n"],
      ["Committed", (p) => offset(p.committed_offset), "n"],
      ["Next", (p) => offset(p.next_offset), "n"], ["High watermark", (p) => offset(p.high_watermark), "n"],
      ["Offset waits for", waits, "wide"],
    ],
  };
  const rank = (r) => (r.state in severity ? severity[r.state] : 9);
  const pinned = (p) => (p.pinned_by ? 0 : 1);
  const judged = (i) => (i.status in verdicts ? verdicts[i.status] : 9);
  const orders = {
    imports: (a, b) => judged(a) - judged(b) || parse(b.stored_at) - parse(a.stored_at) || (a.request_id < b.request_id ? -1 : 1),
    namespaces: (a, b) => rank(a) - rank(b) || b.buffered_bytes - a.buffered_bytes || (a.name < b.name ? -1 : 1),
    partitions: (a, b) => rank(a) - rank(b) || b.lag_records - a.lag_records || pinned(a) - pinned(b) ||
      (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1),
  };

  function row(cells) {
    const tr = element("tr");
    tr.setAttribute("role", "row");
    cells.forEach(([label, text, kind], i) => {
      const [first, ...more] = text.split("\n");
      const cell = element(i ? "td" : "th", kind === "state" ? undefined : first, kind === "state" ? "" : kind);
      more.forEach((line) => cell.append(element("small", line, "why")));
      cell.setAttribute("role", i ? "cell" : "rowheader");
      if (i) cell.dataset.label = label; else cell.scope = "row";
      if (kind === "state") cell.append(element("span", text, "pill " + (tones[text] || "")));
      if (text === "") cell.classList.add("empty");
      tr.append(cell);
    });
    return tr;
  }

  function showTable(name) {
    const table = tables[name], all = name === "imports" ? imports(latest) : list(latest && latest[name]);
    const wanted = $(name + "-filter").value.trim().toLowerCase();
    const texts = (r) => columns[name].map(([label, text, kind]) => [label, String(text(r) ?? ""), kind]);
    const matches = (r) => texts(r).some(([, text]) => text.toLowerCase().includes(wanted));
    const rows = (wanted ? all.filter(matches) : all.slice()).sort(orders[name]);
    const shown = rows.slice(0, table.limit);
    $(name).replaceChildren(...shown.map((r) => row(texts(r))));
    const kept = wanted ? plural(rows.length, "match") + " of " + whole.format(all.length) : whole.format(all.length);
    const unlisted = name === "namespaces" && latest && latest.namespaces_omitted;
    put(name + "-shown", !all.length ? table.none :
      "Showing " + whole.format(shown.length) + " of " + kept + (all.length > 1 ? ", worst first" : "") +
      (unlisted ? "; " + whole.format(unlisted) + " more are not listed." : "."));
    $(name + "-filter").parentNode.hidden = !all.length;
    $(name).parentNode.hidden = !rows.length;
    $(name + "-more").hidden = rows.length <= table.limit;
  }

  function show(error) {
    const [tone, headline, explanation] = verdict(latest, error);
    $("health").className = "banner " + tone;
    put("headline", headline);
    put("explanation", explanation);
    document.title = headline + " · Kafka import bridge";
    document.body.classList.toggle("stale", Boolean(error));
    if (!latest) return;
    showCards(latest);
    chart("rate", "Records imported per second", "rate");
    chart("lag", "Lag in records", "lag");
    showHeld(latest);
    put("imports-error", latest.imports_error ? sentence(latest.imports_error) + " It is asked again later; imports go on." : "");
    Object.keys(tables).forEach(showTable);
  }

  async function ask() {
    const response = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(10000) });
    const s = await response.json();
    if (!response.ok) throw new Error(s.error || "it answered " + response.status);
    skew = (parse(response.headers.get("Date")) || Date.now()) - Date.now();
    if (Math.abs(skew) < 2000) skew = 0; // the header counts whole seconds
    latest = s;
    answeredAt = performance.now();
    await recall(s).catch(() => {}); // the charts then begin now
    remember(s);
  }

  async function refresh() {
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    let error = "";
    try {
      await ask();
    } catch (e) {
      error = e.name === "TimeoutError" ? "No answer within ten seconds" : e.message;
    }
    busy = false;
    show(error);
    put("updated", answeredAt ? "updated " + span(performance.now() - answeredAt) + " ago" : "not updated yet");
    if (!paused) timer = setTimeout(refresh, document.hidden ? HIDDEN_PERIOD : PERIOD);
  }

  $("pause").addEventListener("click", () => {
    paused = !paused;
    put("pause", paused ? "Resume" : "Pause");
    clearTimeout(timer);
    if (paused) put("updated", "not refreshing");
    else refresh();
  });
  for (const name of Object.keys(tables)) {
    const first = tables[name].limit;
    $(name + "-filter").addEventListener("input", () => { tables[name].limit = first; showTable(name); });
    $(name + "-more").addEventListener("click", () => { tables[name].limit += ROWS; showTable(name); });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) refresh(); });
  refresh();
})();
