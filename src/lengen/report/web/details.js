// What a mark, a run and a cell are, in words; tables and lists.

// What the pointer is on, in words.
function told({ datum, mark }) {
  if (datum.tip) return datum.tip;
  const line = study.panels[datum.p].lines[datum.c],
    run = line.runs[datum.r],
    k = datum.k,
    state = run.state === "trained" ? "" : ` (${run.state})`;
  const head = [`${line.name}, seed ${run.seed}${state}`];
  if (mark.marktype === "line") return [...head, `reach ${bound}: ${run.reach ?? "none"}`, run.place];
  const [low, middle, high] = line.gates[gate()].quartiles[datum.metric].map((values) => values[k]);
  const count = run.examples.length ? `: ${run.correct[k]} of ${run.examples[k]} right` : "";
  return [
    ...head,
    `length ${line.lengths[k]} (${short(line.lengths[k] / line.train_length)} x)${count}`,
    `${METRICS[datum.metric].name} ${short(run[datum.metric][k])}; median ${short(middle)}, quartiles ${short(low)} to ${short(high)}`,
    run.place,
  ];
}

function hover(_, event, item, value) {
  const tip = byId("tip");
  tip.hidden = !value;
  if (!value) return;
  tip.replaceChildren(...told(item).map((text, index) => element(index ? "div" : "strong", { textContent: text })));
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${event.clientY + tip.offsetHeight + 24 < innerHeight ? event.clientY + 16 : event.clientY - tip.offsetHeight - 12}px`;
}

// A run beside the figures: what it is, its command, its configuration.
function choose(c, r, p = state.task) {
  if (p !== state.task) {
    Object.assign(state, { task: p, hidden: new Set() });
    fill();
    draw();
  }
  const line = study.panels[p].lines[c],
    run = line.runs[r],
    origin = study.origins[run.origin];
  state.chosen = { c, r };
  const facts = {
    task: study.panels[p].name,
    state: run.state,
    place: run.place,
    "ID exact match": short(run.id),
    ...Object.fromEntries(
      study.thresholds.map((threshold, k) => [`reach ${threshold.toFixed(2)}`, run.reaches[k] ?? "none"]),
    ),
  };
  const sources = {
    "train length": line.train_length,
    cell: line.cell,
    git: origin.git,
    versions: origin.versions,
    device: origin.device,
  };
  const close = element("button", {
    type: "button",
    className: "close",
    textContent: "×",
    title: "close",
    onclick: () => {
      state.chosen = null;
      byId("detail").hidden = true;
      mark();
    },
  });
  byId("detail").replaceChildren(
    close,
    element("h2", { textContent: `${line.name}, seed ${run.seed}` }),
    list(facts),
    element("h3", { textContent: "Command" }),
    element("pre", { className: "command", textContent: origin.command }),
    element("h3", { textContent: "Configuration (seed aside)" }),
    element("pre", { className: "config", textContent: line.config }),
    list(sources),
  );
  byId("detail").hidden = false;
  byId("detail").scrollIntoView({ block: "nearest" });
  mark();
}

function mark() {
  for (const row of byId("runs").querySelectorAll("tr[data-run]"))
    row.classList.toggle("chosen", row.dataset.run === `${state.chosen?.c}.${state.chosen?.r}`);
  remember();
}

function list(facts) {
  const nodes = Object.entries(facts).flatMap(([key, value]) => [
    element("dt", { textContent: key }),
    element("dd", { textContent: value }),
  ]);
  return element("dl", {}, ...nodes);
}

function table(node, header, rows, classes = []) {
  const head = element("tr", {}, ...header.map((text) => element("th", { textContent: text, scope: "col" })));
  const cell = (content, index) =>
    content instanceof Node
      ? element("td", { className: classes[index] ?? "" }, content)
      : element("td", { className: classes[index] ?? "", textContent: content });
  const body = element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))));
  node.replaceChildren(element("thead", {}, head), body);
  return body;
}

function swatch(line) {
  const svg = (tag, attributes, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  return svg(
    "svg",
    { width: 34, height: 12, viewBox: "0 0 34 12" },
    svg("line", {
      x1: 0,
      x2: 34,
      y1: 6,
      y2: 6,
      stroke: line.colour,
      "stroke-width": 2,
      "stroke-dasharray": line.dashes.join(" "),
    }),
    svg("path", { d: SHAPES[line.marker] ?? SHAPES.o, transform: "translate(17 6) scale(4)", fill: line.colour }),
  );
}
