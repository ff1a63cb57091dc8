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
  peak_bytes: { name: "peak bytes", axis: "peak memory (bytes)", format: "~s" },
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
const state = { task: 0, metric: "exact_match", x: "length", trained: false, hidden: new Set(), chosen: null };

const byId = (id) => document.getElementById(id);
const gate = () => (state.trained ? "trained" : "all");
const known = (value) => value !== null && value !== undefined;
const bound = study.threshold.toFixed(2);
const short = (value) => (known(value) ? String(+(+value).toPrecision(4)) : "none");
const place = (line, length) => (state.x === "factor" ? length / line.train_length : length);

// Create an element with properties and children.
function element(tag, options = {}, ...children) {
  const node = Object.assign(document.createElement(tag), options);
  node.append(...children);
  return node;
}

// The cells to draw, each with its index in the panel.
function drawn(panel) {
  return panel.lines
    .map((line, c) => ({ ...line, c, seeds: line.gates[gate()] }))
    .filter(
      (line) => line.seeds && line.lengths.length && !(panel === study.panels[state.task] && state.hidden.has(line.c)),
    );
}

// The axis of lengths: scale, trained region, and ticks that do not overlap.
function axisX(panel, width, lines = panel.lines, x = state.x) {
  const at = (length) => (x === "factor" ? length / panel.train_length : length);
  const places = [
    ...new Set(lines.flatMap((line) => line.lengths.map((l) => (x === "factor" ? l / line.train_length : l)))),
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
  const values = [];
  for (const value of [trained, high, low, ...doublings, ...places])
    if (values.every((other) => Math.abs(share(value) - share(other)) * width > 34)) values.push(value);
  const title = x === "factor" ? "length / train length" : "length";
  return {
    scale,
    share,
    domain,
    trained,
    encoding: {
      field: "x",
      type: "quantitative",
      scale,
      axis: { values, title, format: x === "factor" ? ".3~g" : "~r", grid: false, labelOverlap: false },
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
function looks(lines) {
  const domain = lines.map((line) => line.c);
  const by = (range) => ({ field: "c", type: "nominal", legend: null, scale: { domain, range } });
  return {
    color: by(lines.map((line) => line.colour)),
    shape: by(lines.map((line) => SHAPES[line.marker] ?? SHAPES.o)),
    dash: by(lines.map((line) => (line.dashes.length ? line.dashes : [1, 0]))),
  };
}

// The trained region.
const shade = (x) => ({
  data: { values: [{ x: x.domain[0], to: x.trained }] },
  mark: { type: "rect", color: "#efefef" },
  encoding: { x: x.encoding, x2: { field: "to" } },
});
