"use strict";
// State of the page, and the axes and styles that all figures share. All values are computed beforehand; the script only
// selects and draws. Text enters the page as text nodes or as values of marks, never as markup.

const study = JSON.parse(document.getElementById("study").textContent);
const METRICS = {
  exact_match: { name: "exact match", axis: "exact match (share of answers)", share: true },
  token_accuracy: { name: "token accuracy", axis: "token accuracy (share of tokens)", share: true },
  loss: { name: "loss", axis: "loss (nats per answer token)", wide: 20 },
  first_error: { name: "first error", axis: "tokens before the first error" },
  seconds: { name: "seconds", axis: "seconds per length", wide: 4 },
  memory_bytes: { name: "memory bytes", axis: "peak memory (bytes)", format: "~s" },
};
const SHAPES = {
  // matplotlib's markers, in a square from -1 to 1
  o: "M-1,0A1,1,0,1,0,1,0A1,1,0,1,0,-1,0Z",
  s: "M-.85,-.85L.85,-.85L.85,.85L-.85,.85Z",
  "^": "M0,-1L1,.8L-1,.8Z",
  v: "M0,1L1,-.8L-1,-.8Z",
  "<": "M-1,0L.8,-1L.8,1Z",
  ">": "M1,0L-.8,-1L-.8,1Z",
  D: "M0,-1.1L1.1,0L0,1.1L-1.1,0Z",
  d: "M0,-1.2L.7,0L0,1.2L-.7,0Z",
  P: "M-.4,-1L.4,-1L.4,-.4L1,-.4L1,.4L.4,.4L.4,1L-.4,1L-.4,.4L-1,.4L-1,-.4L-.4,-.4Z",
  X: "M-1,-.5L-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0Z",
  p: "M0,-1L.95,-.31L.59,.81L-.59,.81L-.95,-.31Z",
  h: "M0,-1L.87,-.5L.87,.5L0,1L-.87,.5L-.87,-.5Z",
  "*": "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z",
};
const LEFT = 64; // pixels between the left edge of a figure and its axis
const RIGHT = 40;
const state = { task: 0, metric: "exact_match", x: "length", trained: false, find: "", hidden: new Set(), chosen: null };

const byId = (id) => document.getElementById(id);
const gate = () => (state.trained ? "trained" : "all");
const known = (value) => value !== null && value !== undefined;
const threshold = (value) => (value * 100 === Math.round(value * 100) ? value.toFixed(2) : String(value));
const bound = threshold(study.threshold);
const number = (value) => (known(value) ? String(+(+value).toPrecision(4)) : "—");
const metricText = (metric, value) => (METRICS[metric].share ? floored(value) : number(value));
const place = (cell, length) => (state.x === "factor" ? length / cell.train_length : length);

// A share, rounded down: only 1 reads as 1 and only 0 as 0. The rule of lengen.statistics.formats, as `short` below.
function floored(share, digits = 3) {
  if (!known(share)) return "—";
  const scaled = share * 10 ** digits + 1e-9;
  return scaled > 2e-9 && scaled < 1
    ? `<${(10 ** -digits).toFixed(digits)}`
    : (Math.floor(scaled) / 10 ** digits).toFixed(digits);
}

// A share in a square of a heat map.
const short = (share) => (share === 0 || share === 1 ? String(share) : floored(share, 2).replace("0.", "."));

// Create an element with properties and children.
function element(tag, options = {}, ...children) {
  const node = Object.assign(document.createElement(tag), options);
  node.append(...children);
  return node;
}

// The cells to draw, each with its index in the panel.
function drawn(panel) {
  return panel.cells
    .map((cell, c) => ({ ...cell, c, seeds: cell.gates[gate()] }))
    .filter(
      (cell) =>
        cell.seeds &&
        cell.lengths.length &&
        found(cell.name) &&
        !(panel === study.panels[state.task] && state.hidden.has(cell.c)),
    );
}

// Values and labels of an axis. The values of `always` are labelled in any case, in a lower row where their labels would overlap
// others; those of `more` if there is room. `at` gives the place of a value, from 0 to 1.
function ticks(always, more, at, width, text = String) {
  const rows = [[]];
  const fits = (value, row) =>
    row.every((other) => Math.abs(at(value) - at(other)) * width > 8 + 3.2 * (text(value).length + text(other).length));
  for (const value of new Set(always)) {
    const free = rows.find((row) => fits(value, row));
    if (free) free.push(value);
    else rows.push([value]);
  }
  for (const value of more) if (!always.includes(value) && fits(value, rows[0])) rows[0].push(value);
  const lower = rows.slice(1).map((row, r) => {
    const blank = Array(r + 1).fill("''");
    return `indexof(${JSON.stringify(row)}, datum.value) >= 0 ? [${blank}, datum.label] : `;
  });
  return { values: rows.flat(), labelExpr: `${lower.join("")}datum.label`, labelOverlap: false };
}

// Where the points of one cell are drawn, side by side with those of others, and never across the end of the trained region:
// the rule of lengen.report.dodge. Places are from 0 to 1.
function dodged(places, boundary, index, count) {
  return places.map((place, k) => {
    const gap = Math.min(place - (places[k - 1] ?? -Infinity), (places[k + 1] ?? Infinity) - place),
      width = Math.min(0.008 * (count - 1), 0.6 * gap),
      middle = place <= boundary + 1e-9 ? Math.min(place, boundary - width / 2) : Math.max(place, boundary + width / 2);
    return middle + width * (index / Math.max(count - 1, 1) - 0.5);
  });
}

// The axis of lengths: scale, trained region, and ticks that do not overlap; first, train and last length are always labelled.
function axisX(panel, width, cells = panel.cells, x = state.x) {
  const at = (length) => (x === "factor" ? length / panel.train_length : length);
  const places = [
    ...new Set(cells.flatMap((cell) => cell.lengths.map((l) => (x === "factor" ? l / cell.train_length : l)))),
  ].sort((a, b) => a - b);
  const trained = at(panel.train_length),
    log = panel.logarithmic;
  const low = Math.min(places[0], trained),
    high = Math.max(places.at(-1), trained);
  const domain = log
    ? [low / (high / low) ** 0.04, high * (high / low) ** 0.04]
    : [low - Math.max(0.04 * (high - low), 1e-9), high + Math.max(0.04 * (high - low), 1e-9)];
  const scale = {
    type: log ? "log" : "linear",
    ...(log && { base: 2 }),
    domain,
    nice: false,
    ...(!log && { zero: false }),
  };
  const share = (value) =>
    log ? Math.log(value / domain[0]) / Math.log(domain[1] / domain[0]) : (value - domain[0]) / (domain[1] - domain[0]);
  const doublings = places.filter((value) => Number.isInteger(Math.log2(value / trained)));
  const text = (value) => (x === "factor" ? String(+value.toPrecision(3)) : String(value));
  const title = x === "factor" ? "length / train length" : "length";
  return {
    scale,
    share,
    value: (share) => (log ? domain[0] * (domain[1] / domain[0]) ** share : domain[0] + share * (domain[1] - domain[0])),
    domain,
    trained,
    everywhere: x === "factor" ? trained : Math.min(...cells.map((cell) => cell.train_length)),
    encoding: {
      field: "x",
      type: "quantitative",
      scale,
      axis: {
        ...ticks([trained, places.at(-1), places[0]], [...doublings, ...places], share, width, text),
        title,
        format: x === "factor" ? ".3~g" : "~r",
        grid: false,
      },
    },
  };
}

// The axis of a metric: from 0 to 1 for a share, logarithmic if max / min is at least `wide`, else from 0.
function axisY(title, values, { share = false, wide = Infinity, format = ".4~g", left = LEFT } = {}) {
  const found = values.filter(known);
  const log = Math.min(...found) > 0 && Math.max(...found) >= wide * Math.min(...found);
  const scale = share
    ? { domain: [-0.03, 1.03], nice: false }
    : log
      ? { type: "log" }
      : { zero: true, ...(!found.length && { domain: [0, 1] }) };
  const marks = (step) => [...Array(30).keys()].flatMap((power) => step.map((digit) => digit * 10 ** (power - 15)));
  const within = (step) =>
    marks(step).filter((mark) => mark >= Math.min(...found) / 2 && mark <= Math.max(...found) * 2);
  const ticks = share
    ? { values: [0, 0.2, 0.4, 0.6, 0.8, 1] }
    : {
        format,
        ...(log ? { values: within([1, 2, 5]).length > 8 ? within([1]) : within([1, 2, 5]) } : { tickCount: 5 }),
      };
  return {
    field: "y",
    type: "quantitative",
    scale,
    axis: { title, ...ticks, minExtent: left - 20, maxExtent: left - 20, ...(left < LEFT && { title: null }) },
  };
}

// Colour, marker and dashes of cells.
function looks(cells) {
  const domain = cells.map((cell) => cell.c);
  const by = (range) => ({ field: "c", type: "nominal", legend: null, scale: { domain, range } });
  return {
    color: by(cells.map((cell) => ink(cell.colour))),
    shape: by(cells.map((cell) => SHAPES[cell.marker] ?? SHAPES.o)),
    dash: by(cells.map((cell) => (cell.dashes.length ? cell.dashes : [1, 0]))),
  };
}

// The trained region: light where only some cells were trained.
const shade = (x) => ({
  data: {
    values: [
      { x: x.domain[0], to: x.everywhere, share: 1 },
      { x: x.everywhere, to: x.trained, share: 0.4 },
    ].slice(0, x.everywhere < x.trained ? 2 : 1),
  },
  mark: { type: "rect", color: theme().shade },
  encoding: { x: x.encoding, x2: { field: "to" }, opacity: { field: "share", type: "quantitative", scale: null } },
});
