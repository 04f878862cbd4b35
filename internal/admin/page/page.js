"use strict";
// Reads /status every two seconds and shows it. Everything from the bridge is
// set as text, never as markup. Keeps five minutes of history in memory.
(() => {
  const PERIOD = 2000, HIDDEN_PERIOD = 15000, HISTORY = 5 * 60 * 1000, ROWS = 100, HELD = 20;
  const $ = (id) => document.getElementById(id);
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const severity = { failed: 0, held: 1, retrying: 2, paused: 3, uploading: 4 };
  const tones = { failed: "bad", held: "bad", retrying: "warn", paused: "warn", uploading: "good", reading: "good" };
  const pins = { batch: "batch of", held_namespace: "held namespace", held_record: "held record", dead_letter: "dead letter of" };

  let latest = null, history = [], started = null, skew = 0, paused = false, busy = false, timer = 0, answeredAt = 0;
  const tables = {
    namespaces: { limit: ROWS, noun: "namespaces" },
    partitions: { limit: ROWS, noun: "partitions" },
  };

  // Text is written only where it changed, so that live regions stay quiet.
  const put = (id, text) => { const e = $(id); if (e.textContent !== text) e.textContent = text; };
  const list = (v) => (Array.isArray(v) ? v : []);
  const sum = (rows, field) => rows.reduce((n, r) => n + (r[field] || 0), 0);
  const plural = (n, noun) => whole.format(n) + " " + (n === 1 ? noun : noun + (noun.endsWith("ch") ? "es" : "s"));
  const sentence = (text) => text.replace(/\.?$/, ".");
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
  const ago = (when) => { const t = parse(when); return t ? span(Date.now() + skew - t) + " ago" : ""; };
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

  // Health at a glance: the first sentence that applies, worst first.
  function verdict(s, error) {
    const ns = list(s && s.namespaces), ps = list(s && s.partitions);
    if (error) return ["bad", "The bridge does not answer", sentence(error) + (s ? " Shown is what it said last." : "")];
    if (s.state === "stopped") return ["calm", "Stopped", "This process has left its consumer group."];
    if (s.state === "draining") {
      return ["calm", "Draining", "Reading has stopped; " + plural(sum(ns, "in_flight"), "upload") + " running, " +
        bytes(s.buffer && s.buffer.bytes) + " left to store before it leaves the group."];
    }
    if (s.state === "waiting_for_kafka" || s.kafka_error) {
      return ["bad", "Waiting for Kafka", sentence(s.kafka_error || "No broker answers yet") + " It keeps trying; nothing is lost."];
    }
    if (s.state === "joining") return ["calm", "Joining the consumer group", "Partitions are being assigned; reading goes on after that."];
    const parts = [];
    const say = (n, noun, what) => { if (n) parts.push(plural(n, noun) + " " + what); };
    say(ps.filter((p) => p.state === "failed").length, "partition", "failed");
    say(ns.filter((n) => n.state === "held").length, "namespace", "held");
    const pin = (p) => (p.pinned_by ? p.pinned_by.kind : "");
    say(ps.filter((p) => pin(p) === "held_record").length, "partition", "held at a record");
    say(ps.filter((p) => p.state === "held" && !["held_record", "held_namespace"].includes(pin(p))).length, "partition", "held");
    if (parts.length) return ["bad", "Running, but " + parts.join(", "), "Everything else goes on. What is held, and why, is listed below."];
    const retrying = ns.filter((n) => n.state === "retrying");
    if (retrying.length) return ["warn", "Running, " + plural(retrying.length, "namespace") + " retrying", sentence("The last error: " + (retrying[0].last_error || "unknown"))];
    const pausing = ps.filter((p) => p.state === "paused").length;
    if (pausing) return ["warn", "Running, " + plural(pausing, "partition") + " paused", "Their start is being looked up, or too many of their records wait for the dead-letter topic."];
    if (!ps.length) return ["calm", "Running, no partition assigned", "Other members of the group own all partitions, or the topics have none."];
    return ["good", "Running", "Everything it reads is moving."];
  }

  function remember(s) {
    const now = performance.now(), totals = s.totals || {};
    if (started !== s.started_at) { history = []; started = s.started_at; }
    const last = history[history.length - 1];
    const point = { at: now, uploaded: totals.records_uploaded || 0, bytes: totals.bytes_uploaded || 0,
      consumed: totals.records_consumed || 0, lag: sum(list(s.partitions), "lag_records") };
    for (const [rate, total] of [["rate", "uploaded"], ["byteRate", "bytes"], ["readRate", "consumed"]]) {
      point[rate] = last ? Math.max(0, point[total] - last[total]) * 1000 / Math.max(1, now - last.at) : null;
    }
    history.push(point);
    while (history.length && now - history[0].at > HISTORY + PERIOD) history.shift();
  }

  // Uploads come in bursts: the figure is the mean of the last fifteen seconds.
  function recent(field) {
    const end = performance.now();
    const points = history.filter((p) => p[field] !== null && end - p.at <= 15000);
    return points.length ? sum(points, field) / points.length : null;
  }

  function chart(id, name, field) {
    const svg = $(id + "-chart"), now = performance.now();
    const points = history.filter((p) => p[field] !== null);
    const peak = points.reduce((m, p) => Math.max(m, p[field]), 0);
    svg.replaceChildren();
    if (points.length < 2) return;
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
    put("lag", count(sum(ps, "lag_records")));
    put("lag-detail", "records, on " + whole.format(behind) + " of " + plural(ps.length, "partition"));
    put("uploads", count(sum(ns, "in_flight")));
    const filling = ns.filter((n) => n.buffered_records > 0).length;
    put("uploads-detail", plural(filling, "batch") + " being filled, " + whole.format(sum(ns, "buffered_records")) + " records");
    const used = (s.buffer && s.buffer.bytes) || 0, limit = (s.buffer && s.buffer.limit_bytes) || 0;
    const percent = limit ? Math.min(100, Math.round(100 * used / limit)) : 0;
    put("buffer", percent + " %");
    put("buffer-detail", bytes(used) + " of " + bytes(limit));
    $("buffer-fill").style.width = percent + "%";
    $("buffer-bar").className = percent >= 90 ? "bar warn" : "bar";
    $("buffer-bar").setAttribute("aria-valuenow", String(percent));
    const g = s.group || {};
    put("group", g.state || "–");
    put("group-detail", [g.id, g.generation > 0 ? "generation " + g.generation : "", g.member_id].filter(Boolean).join(", "));
    put("version", s.version || "");
    const up = parse(s.started_at);
    put("uptime", up ? " · up " + span(Date.now() + skew - up) : "");
  }

  function showHeld(s) {
    const items = [];
    for (const n of list(s.namespaces)) {
      if (n.state === "held") items.push(["Namespace " + n.name, [n.last_error, n.next_attempt_at && "next attempt " + ahead(n.next_attempt_at), n.last_request_id && "request " + n.last_request_id]]);
    }
    for (const p of list(s.partitions)) {
      const pin = p.pinned_by;
      if (pin && pin.kind === "held_record") items.push(["Record " + p.topic + "/" + p.partition + "@" + pin.offset, [p.error, pin.namespace && "namespace " + pin.namespace, pin.since && "since " + ago(pin.since)]]);
      else if (p.state === "held" || p.state === "failed") items.push(["Partition " + p.topic + "/" + p.partition + " " + p.state, [p.error, pin && describe(pin)]]);
    }
    $("held-none").hidden = items.length > 0;
    $("held").hidden = items.length === 0;
    $("held").replaceChildren(...items.slice(0, HELD).map(([what, why]) => {
      const li = element("li");
      li.append(element("strong", what), element("small", why.filter(Boolean).join(" · ") || "no reason given"));
      return li;
    }));
    $("held-more").hidden = items.length <= HELD;
    put("held-more", "And " + whole.format(items.length - HELD) + " more: see the tables below.");
  }

  const describe = (pin) => [pins[pin.kind] || pin.kind, pin.namespace].filter(Boolean).join(" ").replace(/ of$/, "") +
    " at " + pin.offset + (pin.since ? ", since " + ago(pin.since) : "");

  // A column is [label, text of a row, class]; "state" becomes a pill.
  const columns = {
    namespaces: [
      ["Namespace", (n) => n.name], ["State", (n) => n.state, "state"],
      ["Records", (n) => count(n.buffered_records), "n"], ["Bytes", (n) => bytes(n.buffered_bytes), "n"],
      ["Oldest", (n) => ago(n.oldest_record_at)], ["In flight", (n) => count(n.in_flight), "n"],
      ["Next attempt", (n) => ahead(n.next_attempt_at)], ["Last error", (n) => n.last_error || "", "wide"],
      ["Last request id", (n) => n.last_request_id || ""],
    ],
    partitions: [
      ["Partition", (p) => p.topic + "/" + p.partition], ["State", (p) => p.state, "state"],
      ["Lag", (p) => count(p.lag_records), "n"], ["Committed", (p) => count(p.committed_offset), "n"],
      ["Next", (p) => count(p.next_offset), "n"], ["High watermark", (p) => count(p.high_watermark), "n"],
      ["Offset waits for", (p) => (p.pinned_by ? describe(p.pinned_by) : ""), "wide"], ["Error", (p) => p.error || "", "wide"],
    ],
  };
  const rank = (r) => (r.state in severity ? severity[r.state] : 9);
  const pinned = (p) => (p.pinned_by ? 0 : 1);
  const orders = {
    namespaces: (a, b) => rank(a) - rank(b) || b.buffered_bytes - a.buffered_bytes || (a.name < b.name ? -1 : 1),
    partitions: (a, b) => rank(a) - rank(b) || b.lag_records - a.lag_records || pinned(a) - pinned(b) ||
      (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1),
  };

  function row(cells) {
    const tr = element("tr");
    tr.setAttribute("role", "row");
    cells.forEach(([label, text, kind], i) => {
      const cell = element(i ? "td" : "th", kind === "state" ? undefined : text, kind === "state" ? "" : kind);
      cell.setAttribute("role", i ? "cell" : "rowheader");
      if (i) cell.dataset.label = label; else cell.scope = "row";
      if (kind === "state") cell.append(element("span", text, "pill " + (tones[text] || "")));
      if (text === "") cell.classList.add("empty");
      tr.append(cell);
    });
    return tr;
  }

  function showTable(name) {
    const table = tables[name], all = list(latest && latest[name]);
    const wanted = $(name + "-filter").value.trim().toLowerCase();
    const texts = (r) => columns[name].map(([label, text, kind]) => [label, String(text(r) ?? ""), kind]);
    const matches = (r) => texts(r).some(([, text]) => text.toLowerCase().includes(wanted));
    const rows = (wanted ? all.filter(matches) : all.slice()).sort(orders[name]);
    const shown = rows.slice(0, table.limit);
    $(name).replaceChildren(...shown.map((r) => row(texts(r))));
    const kept = wanted ? plural(rows.length, "match") + " of " + whole.format(all.length) : whole.format(all.length);
    put(name + "-shown", !all.length ? "No " + table.noun + " yet." :
      "Showing " + whole.format(shown.length) + " of " + kept + (all.length > 1 ? ", worst first." : "."));
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
    showTable("namespaces");
    showTable("partitions");
  }

  async function ask() {
    const response = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(10000) });
    const s = await response.json();
    if (!response.ok) throw new Error(s.error || "it answered " + response.status);
    skew = (parse(response.headers.get("Date")) || Date.now()) - Date.now();
    if (Math.abs(skew) < 2000) skew = 0; // the header counts whole seconds
    latest = s;
    answeredAt = performance.now();
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
    $(name + "-filter").addEventListener("input", () => { tables[name].limit = ROWS; showTable(name); });
    $(name + "-more").addEventListener("click", () => { tables[name].limit += ROWS; showTable(name); });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) refresh(); });
  refresh();
})();
