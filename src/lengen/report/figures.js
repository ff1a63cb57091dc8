"use strict";
// Picks and draws: every number was computed before. Text goes into the page as text nodes or as values of marks.

const study = JSON.parse(document.getElementById("study").textContent);
const METRICS = {
  exact_match: { name: "exact match", axis: "exact match (share of answers)", share: true },
  token_accuracy: { name: "token accuracy", axis: "token accuracy (share of tokens)", share: true },
  loss: { name: "loss", axis: "loss (nats per answer token)", wide: 20 },
  first_error: { name: "first error", axis: "tokens before the first error" },
  seconds: { name: "seconds", axis: "seconds per length", wide: 4 },
  peak_bytes: { name: "peak bytes", axis: "peak memory (bytes)", format: "~s" },
};
const SHAPES = { // matplotlib's markers, in a square from -1 to 1
  o: "M-1,0A1,1,0,1,0,1,0A1,1,0,1,0,-1,0Z", s: "M-.85,-.85L.85,-.85L.85,.85L-.85,.85Z",
  "^": "M0,-1L1,.8L-1,.8Z", v: "M0,1L1,-.8L-1,-.8Z", "<": "M-1,0L.8,-1L.8,1Z", ">": "M1,0L-.8,-1L-.8,1Z",
  D: "M0,-1.1L1.1,0L0,1.1L-1.1,0Z", d: "M0,-1.2L.7,0L0,1.2L-.7,0Z",
  P: "M-.4,-1L.4,-1L.4,-.4L1,-.4L1,.4L.4,.4L.4,1L-.4,1L-.4,.4L-1,.4L-1,-.4L-.4,-.4Z",
  X: "M-1,-.5L-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0Z",
  p: "M0,-1L.95,-.31L.59,.81L-.59,.81L-.95,-.31Z", h: "M0,-1L.87,-.5L.87,.5L0,1L-.87,.5L-.87,-.5Z",
  "*": "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z",
};
const LEFT = 64, RIGHT = 40; // pixels between a figure's edges and its axes
const state = { task: 0, metric: "exact_match", x: "length", trained: false, hidden: new Set(), chosen: null };

const byId = (id) => document.getElementById(id);
const gate = () => (state.trained ? "trained" : "all");
const known = (value) => value !== null && value !== undefined;
const bound = study.threshold.toFixed(2);
const short = (value) => (known(value) ? String(+(+value).toPrecision(4)) : "none");
const place = (line, length) => (state.x === "factor" ? length / line.train_length : length);

function element(tag, options = {}, ...children) {
  const node = Object.assign(document.createElement(tag), options);
  node.append(...children);
  return node;
}

// Cells that are drawn, each with its index in the panel.
function drawn(panel) {
  return panel.lines.map((line, c) => ({ ...line, c, seeds: line.gates[gate()] }))
    .filter((line) => line.seeds && line.lengths.length && !(panel === study.panels[state.task] && state.hidden.has(line.c)));
}

function axisX(panel, width, lines = panel.lines, x = state.x) {
  const at = (length) => (x === "factor" ? length / panel.train_length : length);
  const places = [...new Set(lines.flatMap((line) => line.lengths.map((l) => (x === "factor" ? l / line.train_length : l))))].sort((a, b) => a - b);
  const trained = at(panel.train_length), log = panel.logarithmic;
  const low = Math.min(places[0], trained), high = Math.max(places.at(-1), trained);
  const domain = log ? [low / (high / low) ** 0.04, high * (high / low) ** 0.04]
    : [low - Math.max(0.04 * (high - low), 1e-9), high + Math.max(0.04 * (high - low), 1e-9)];
  const scale = { type: log ? "log" : "linear", ...(log && { base: 2 }), domain, nice: false, ...(!log && { zero: false }) };
  const share = (value) => (log ? Math.log(value / domain[0]) / Math.log(domain[1] / domain[0]) : (value - domain[0]) / (domain[1] - domain[0]));
  const doublings = places.filter((value) => Number.isInteger(Math.log2(value / trained)));
  const values = [];
  for (const value of [trained, high, low, ...doublings, ...places])
    if (values.every((other) => Math.abs(share(value) - share(other)) * width > 34)) values.push(value);
  const title = x === "factor" ? "length / train length" : "length";
  return { scale, share, domain, trained, encoding: { field: "x", type: "quantitative", scale, axis: { values, title, format: x === "factor" ? ".3~g" : "~r", grid: false, labelOverlap: false } } };
}

function axisY(title, values, { share = false, wide = Infinity, format = ".4~g", left = LEFT } = {}) {
  const found = values.filter(known);
  const log = Math.min(...found) > 0 && Math.max(...found) >= wide * Math.min(...found);
  const scale = share ? { domain: [-0.03, 1.03], nice: false } : log ? { type: "log" } : { zero: true };
  const marks = (step) => [...Array(30).keys()].flatMap((power) => step.map((digit) => digit * 10 ** (power - 15)));
  const within = (step) => marks(step).filter((mark) => mark >= Math.min(...found) / 2 && mark <= Math.max(...found) * 2);
  const ticks = share ? { values: [0, 0.2, 0.4, 0.6, 0.8, 1] }
    : { format, ...(log ? { values: within([1, 2, 5]).length > 8 ? within([1]) : within([1, 2, 5]) } : { tickCount: 5 }) };
  return { field: "y", type: "quantitative", scale, axis: { title, ...ticks, minExtent: left - 20, maxExtent: left - 20, ...(left < LEFT && { title: null }) } };
}

function looks(lines) {
  const domain = lines.map((line) => line.c);
  const by = (range) => ({ field: "c", type: "nominal", legend: null, scale: { domain, range } });
  return { color: by(lines.map((line) => line.colour)), shape: by(lines.map((line) => SHAPES[line.marker] ?? SHAPES.o)),
    dash: by(lines.map((line) => (line.dashes.length ? line.dashes : [1, 0]))) };
}

const shade = (x, left) => ({ data: { values: [{ x: x.domain[0], to: x.trained }] }, mark: { type: "rect", color: "#efefef" },
  encoding: { x: x.encoding, x2: { field: "to" } } });

// Seeds and quartiles of a metric over length, as rows of one table.
function rows(panel, lines) {
  const found = [], p = study.panels.indexOf(panel), metric = state.metric;
  for (const line of lines) {
    const [low, middle, high] = line.seeds.quartiles[state.metric];
    line.lengths.forEach((l, k) => found.push({ kind: "middle", c: line.c, name: line.name, x: place(line, l), y: middle[k], low: low[k], high: high[k] }));
    line.runs.forEach((run, r) => {
      if (state.trained && run.state !== "trained") return;
      line.lengths.forEach((l, k) => found.push({ kind: "seed", p, metric, c: line.c, r, k, name: line.name, run: `${line.c}.${r}`, dotted: run.state !== "trained", x: place(line, l), y: run[state.metric][k] }));
    });
  }
  return found;
}

function layers(x, y, look, bold = 1) {
  const pick = (kind) => [{ filter: `datum.kind === '${kind}' && isValid(datum.y)` }];
  const at = { x: x.encoding, y, color: look.color };
  const dotted = { field: "dotted", type: "nominal", legend: null, scale: { domain: [true, false], range: [[1.5, 2.5], [1, 0]] } };
  return [
    shade(x),
    { transform: pick("middle"), mark: { type: "area", opacity: 0.16 }, encoding: { ...at, y: { ...y, field: "low" }, y2: { field: "high" } } },
    { transform: pick("seed"), mark: { type: "line", strokeWidth: 0.8 * bold, opacity: 0.6, tooltip: "run", cursor: "pointer" }, encoding: { ...at, detail: { field: "run" }, strokeDash: dotted } },
    { transform: pick("middle"), mark: { type: "line", strokeWidth: 2 * bold, tooltip: null }, encoding: { ...at, strokeDash: look.dash } },
    { transform: pick("middle"), mark: { type: "point", filled: true, size: 36 * bold ** 3, opacity: 1, tooltip: null }, encoding: { ...at, shape: look.shape } },
    { transform: pick("seed"), mark: { type: "point", shape: "circle", filled: true, size: 90, opacity: 0, tooltip: "run", cursor: "pointer" }, encoding: { ...at, detail: { field: "run" } } },
  ];
}

function curves(panel, lines, width) {
  const metric = METRICS[state.metric], x = axisX(panel, width, lines), look = looks(lines), data = rows(panel, lines);
  const main = { width, height: 300, data: { values: data }, layer: layers(x, axisY(metric.axis, data.map((row) => row.y), metric), look), resolve: { scale: { strokeDash: "independent" } } };
  const bare = { ...x.encoding, axis: null }, rank = { field: "rank", type: "quantitative", axis: null, scale: { domain: [-0.7, lines.length - 0.3], reverse: true, nice: false } };
  const end = (line, reach) => (reach ? place(line, reach) : x.domain[0]);
  const reaches = lines.map((line, rank) => {
    const seeds = line.runs.filter((run) => !state.trained || run.state === "trained").map((run) => run.reach ?? 0);
    return { c: line.c, rank, x: end(line, line.seeds.reach), from: end(line, Math.min(...seeds)), to: end(line, Math.max(...seeds)), none: !Math.max(...seeds),
      tip: [line.name, `reach ${bound}: median ${line.seeds.reach || "none"}`, `seeds: ${seeds.map((reach) => reach || "none").join(", ")}`] };
  });
  const strip = { width, height: 11 * lines.length + 4, data: { values: reaches }, layer: [
    shade({ ...x, encoding: bare }),
    { mark: { type: "rule", strokeWidth: 1.5, tooltip: "cell" }, encoding: { x: { ...bare, field: "from" }, x2: { field: "to" }, y: rank, color: look.color } },
    { mark: { type: "point", filled: true, size: 44, opacity: 1, tooltip: "cell" }, encoding: { x: bare, y: rank, color: look.color, shape: look.shape } },
    { transform: [{ filter: "datum.none" }], mark: { type: "text", text: "no reach", align: "left", dx: 7, fontSize: 9, color: "#59636e" }, encoding: { x: bare, y: rank } },
  ] };
  return { vconcat: [strip, main], spacing: 6 };
}

function rates(panel, lines, width) {
  const x = axisX(panel, width, lines), look = looks(lines), values = [];
  const gap = Math.min(0.008, 0.03 / lines.length);
  lines.forEach((line, rank) => line.lengths.forEach((l, k) => {
    const aside = gap * (rank - (lines.length - 1) / 2), tried = line.seeds.tried, [low, high] = [line.seeds.low[k], line.seeds.high[k]];
    const moved = panel.logarithmic ? place(line, l) * (x.domain[1] / x.domain[0]) ** aside : place(line, l) + (x.domain[1] - x.domain[0]) * aside;
    values.push({ c: line.c, x: moved, y: line.seeds.successes[k] / tried, low, high,
      tip: [line.name, `length ${l} (${short(l / line.train_length)} x)`, `${line.seeds.successes[k]} of ${tried} seeds, 95% interval ${low.toFixed(2)} to ${high.toFixed(2)}`] });
  }));
  const y = axisY(`share of seeds with exact match ≥ ${study.threshold}`, [0, 1], { share: true }), at = { x: x.encoding, y, color: look.color };
  return { width, height: 260, data: { values }, layer: [
    shade(x),
    { mark: { type: "rule", opacity: 0.6, tooltip: "cell" }, encoding: { ...at, y: { ...y, field: "low" }, y2: { field: "high" } } },
    { mark: { type: "line", strokeWidth: 1.6 }, encoding: { ...at, strokeDash: look.dash } },
    { mark: { type: "point", filled: true, size: 44, opacity: 1, tooltip: "cell" }, encoding: { ...at, shape: look.shape } },
  ] };
}

function profile(factors, lines, width, title) {
  const look = looks(lines), values = [];
  const share = (line) => line.seeds.profile ?? line.seeds;
  const corner = (line, k) => share(line)[k] && share(line)[k] !== share(line)[k + 1];
  for (const line of lines) factors.forEach((factor, k) => values.push({ c: line.c, x: factor, y: share(line)[k], corner: Boolean(corner(line, k)), tip: [line.name, `${short(share(line)[k] * 100)}% of seeds reach ${short(factor)} train lengths or more`] }));
  const ends = { lengths: factors, train_length: 1 };
  const x = axisX({ lines: [ends], train_length: 1, logarithmic: factors.at(-1) >= 8 * factors[0] }, width, [ends]);
  x.encoding.axis.title = `reach ${bound} / train length, at least`;
  x.encoding.axis.format = ".3~g";
  const at = { x: x.encoding, y: axisY("share of seeds", [0, 1], { share: true }), color: look.color };
  return { width, height: 220, ...(title && { title: { text: title, anchor: "start", fontSize: 12 } }), data: { values }, layer: [
    shade(x),
    { mark: { type: "line", interpolate: "step-before", strokeWidth: 1.8 }, encoding: { ...at, strokeDash: look.dash } },
    { transform: [{ filter: "datum.corner" }], mark: { type: "point", filled: true, size: 40, opacity: 1, tooltip: "cell" }, encoding: { ...at, shape: look.shape } },
  ] };
}

function heat(panel, lines, width) {
  const metric = METRICS[state.metric], values = [];
  for (const line of lines) line.lengths.forEach((l, k) => {
    const value = line.seeds.quartiles[state.metric][1][k];
    if (known(value)) values.push({ c: line.c, name: line.name, x: +place(line, l).toPrecision(3), y: value, text: metric.share ? value.toFixed(2) : short(+value.toPrecision(2)), tip: [line.name, `length ${l} (${short(l / line.train_length)} x)`, `median ${metric.name} ${short(value)}`] });
  });
  const columns = [...new Set(values.map((row) => row.x))].sort((a, b) => a - b), names = lines.map((line) => line.name);
  const labels = Math.min(width * 0.4, 20 + 6.2 * Math.max(...names.map((name) => name.length)), 200), room = width + LEFT - labels - 30;
  const letters = Math.max(...values.map((row) => row.text.length));
  const found = values.map((row) => row.y), ends = metric.share ? [0, 1] : [Math.min(...found), Math.max(...found)], log = metric.wide && ends[0] > 0;
  const dark = metric.share ? "datum.y < 0.6" : log ? `datum.y < ${Math.sqrt(ends[0] * ends[1])}` : `datum.y < ${(ends[0] + ends[1]) / 2}`;
  const at = { x: { field: "x", type: "ordinal", scale: { domain: columns }, axis: { title: state.x === "factor" ? "length / train length" : "length", labelAngle: 0, labelOverlap: true } },
    y: { field: "name", type: "nominal", scale: { domain: names }, axis: { title: null, labelLimit: labels, minExtent: labels, maxExtent: labels } } };
  return { width: room, height: 22 * names.length, data: { values }, layer: [
    { mark: { type: "rect", tooltip: "cell" }, encoding: { ...at, color: { field: "y", type: "quantitative", scale: { scheme: "viridis", domain: ends, ...(log && { type: "log" }) }, legend: { title: metric.axis, orient: "bottom", gradientLength: Math.min(220, room), gradientThickness: 8, titleFontWeight: "normal", format: metric.format ?? ".4~g", tickCount: 5 } } } },
    ...(room / columns.length > 3 + 5.6 * letters ? [{ mark: { type: "text", fontSize: 10, tooltip: "cell" }, encoding: { ...at, text: { field: "text" }, color: { condition: { test: dark, value: "#fff" }, value: "#1f2328" } } }] : []),
  ] };
}

function multiples(panel, lines, width) {
  const columns = Math.max(1, Math.min(lines.length, Math.floor(width / 170))), each = Math.floor((width - 30) / columns) - 24;
  const x = axisX(panel, each, lines), data = rows(panel, lines), names = lines.map((line) => line.name);
  x.encoding.axis = { ...x.encoding.axis, title: null, values: x.encoding.axis.values.filter((value) => value >= x.trained) };
  const y = axisY(null, data.map((row) => row.y), { ...METRICS[state.metric], left: 50 });
  if (METRICS[state.metric].share) y.axis.values = [0, 0.5, 1];
  return { data: { values: data }, columns, spacing: { row: 12, column: 22 },
    facet: { field: "name", type: "nominal", sort: null, header: { title: null, labelFontSize: 11, labelLimit: each, labelPadding: 3 } },
    spec: { width: each, height: 84, layer: layers(x, y, looks(lines), 0.75), resolve: { scale: { strokeDash: "independent" } } } };
}

function cost(panel, lines, width, field, title, options) {
  const x = axisX(panel, width, lines), look = looks(lines), values = [];
  for (const line of lines) line.seeds[field].forEach((value, k) => values.push({ c: line.c, x: place(line, line.lengths[k]), y: value, tip: [line.name, `length ${line.lengths[k]}`, `${short(value)} ${title}`] }));
  const at = { x: x.encoding, y: axisY(title, values.map((row) => row.y), options), color: look.color };
  return { width, height: 200, data: { values }, layer: [
    shade(x),
    { mark: { type: "line", strokeWidth: 1.6 }, encoding: { ...at, strokeDash: look.dash } },
    { mark: { type: "point", filled: true, size: 40, opacity: 1, tooltip: "cell" }, encoding: { ...at, shape: look.shape } },
  ] };
}
