// Text: tooltips, the details of a run, tables and lists.

// The lines of the tooltip for a mark.
function tooltip({ datum, mark }) {
  if (datum.tip) return datum.tip;
  const cell = study.panels[datum.p].cells[datum.c],
    run = cell.runs[datum.r],
    k = datum.k,
    state = run.state === "trained" ? "" : ` (${run.state})`;
  const head = [`${cell.name}, seed ${run.seed}${state}`];
  if (mark.marktype === "line") return [...head, `reach ${bound}: ${run.reach_text}`, run.place];
  const [low, middle, high] = cell.gates[gate()].quartiles[datum.metric].map((values) => values[k]);
  const text = (value) => metricText(datum.metric, value);
  const count = run.examples.length ? `: ${run.correct[k]} of ${run.examples[k]} right` : "";
  return [
    ...head,
    `length ${cell.lengths[k]} (${number(cell.lengths[k] / cell.train_length)} x)${count}`,
    `${METRICS[datum.metric].name} ${text(run[datum.metric][k])}; median ${text(middle)}, quartiles ${text(low)} to ${text(high)}`,
    run.place,
  ];
}

// Show the tooltip next to the pointer.
function hover(_, event, item, value) {
  const tip = byId("tip");
  tip.hidden = !value;
  if (!value) return;
  tip.replaceChildren(...tooltip(item).map((text, index) => element(index ? "div" : "strong", { textContent: text })));
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${event.clientY + tip.offsetHeight + 24 < innerHeight ? event.clientY + 16 : event.clientY - tip.offsetHeight - 12}px`;
}

// Show the details of a run next to the figures: results, command, configuration.
function choose(c, r, p = state.task) {
  if (p !== state.task) {
    Object.assign(state, { task: p, hidden: new Set() });
    fill();
    draw();
  }
  const cell = study.panels[p].cells[c],
    run = cell.runs[r],
    origin = study.origins[run.origin];
  state.chosen = { c, r };
  const facts = {
    task: study.panels[p].name,
    state: run.state,
    place: run.place,
    "ID exact match": floored(run.id),
    ...Object.fromEntries(
      study.thresholds.map((each, k) => [`reach ${threshold(each)}`, run.reaches[k]]),
    ),
  };
  const sources = {
    "train length": cell.train_length,
    cell: cell.digest,
    git: origin.git,
    versions: origin.versions,
    device: origin.device,
  };
  const close = element("button", {
    type: "button",
    className: "close",
    textContent: "×",
    title: "close",
    ariaLabel: "close",
    onclick: unchoose,
  });
  byId("detail").replaceChildren(
    close,
    element("h2", { textContent: `${cell.name}, seed ${run.seed}` }),
    list(facts),
    element("h3", { textContent: "Command" }),
    element("pre", { className: "command", textContent: origin.command }),
    element("h3", { textContent: "Configuration (without seeds)" }),
    element("pre", { className: "config", textContent: cell.config }),
    list(sources),
  );
  if (byId("detail").hidden) before = document.activeElement;
  byId("detail").hidden = false;
  byId("detail").scrollTop = 0;
  byId("detail").focus({ preventScroll: true });
  mark();
}

// Close the details; the keyboard goes on where it was.
let before = null;
function unchoose() {
  state.chosen = null;
  byId("detail").hidden = true;
  before?.focus({ preventScroll: true });
  mark();
}

// Highlight the chosen run in the table of runs.
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

// The line and marker of a cell, as in the figures.
function swatch(cell) {
  const svg = (tag, attributes, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  return svg(
    "svg",
    { "aria-hidden": "true", width: 34, height: 12, viewBox: "0 0 34 12" },
    svg("line", {
      x1: 0,
      x2: 34,
      y1: 6,
      y2: 6,
      stroke: ink(cell.colour),
      "stroke-width": 2,
      "stroke-dasharray": cell.dashes.join(" "),
    }),
    svg("path", { d: SHAPES[cell.marker] ?? SHAPES.o, transform: "translate(17 6) scale(4)", fill: ink(cell.colour) }),
  );
}

// Fill in everything but the figures, for the chosen task and runs.
function fill() {
  const panel = study.panels[state.task],
    metric = METRICS[state.metric];
  for (const key of ["task", "metric", "x"]) byId(key).value = state[key];
  byId("trained").checked = state.trained;
  byId("curves-title").textContent = `${panel.name}: ${metric.name} over length`;
  const chance = panel.cells.some((cell) => cell.chance[state.metric])
    ? `${darkScheme.matches ? "White" : "Black"} dots: chance, by the likeliest answer. `
    : "";
  byId("curves-note").textContent =
    `Thin: seeds (dotted: not trained). Thick: median. Band: quartiles. Grey: trained lengths. ${chance}Above: reach ${bound}, median with the range of seeds (>=: the sweep ended before the curve fell; none: no length is reached). Point at a seed to see its name; click it to see its command and configuration.`;
  byId("heat-title").textContent = `${panel.name}: ${metric.name}, cell by length`;
  const seedsShown = state.trained
    ? "trained seeds only"
    : "all seeds, untrained and diverged ones included";
  byId("rates-note").textContent =
    `Share of seeds whose exact match at a length is at least ${study.threshold}: ${seedsShown}. Bars: exact 95% intervals over seeds (Clopper-Pearson).`;
  byId("profile-note").textContent =
    `Share of seeds whose reach (longest length up to which the lower 95% bound of exact match is at least ${study.threshold}) is at least this multiple of the train length, up to the shortest sweep end of each cell: ${seedsShown}. Bars: exact 95% intervals over seeds, one on each level (Clopper-Pearson).`;
  byId("cells").querySelector(".note").textContent =
    `by ${study.by.join(", ")}; trained: ID exact match of at least 0.99`;
  table(
    byId("cells").querySelector("table"),
    ["", "", "cell", "trained", `reach ${bound}`],
    panel.cells.map((cell, c) => {
      const box = element("input", {
        type: "checkbox",
        checked: !state.hidden.has(c),
        ariaLabel: cell.name,
        onchange: () => {
          state.hidden[box.checked ? "delete" : "add"](c);
          remember();
          draw();
        },
      });
      const trained = cell.gates.trained?.tried ?? 0,
        seeds = cell.gates[gate()];
      const name = element("button", {
        type: "button",
        textContent: cell.name,
        title: "show its first run",
        onclick: () => choose(c, 0),
      });
      return [box, swatch(cell), name, `${trained} of ${cell.runs.length}`, seeds ? seeds.reach_text : "—"];
    }),
    ["", "", "name"],
  );
  const runs = panel.cells.flatMap((cell, c) => cell.runs.map((run, r) => ({ cell, run, c, r })));
  const body = table(
    byId("runs").querySelector("table"),
    ["cell", "seed", "state", "ID", ...study.thresholds.map((each) => `reach ${threshold(each)}`), "place"],
    runs.map(({ cell, run, c, r }) => [
      runButton(cell, c, r),
      run.seed,
      element("span", { className: `state-${run.state.replace(" ", "-")}`, textContent: run.state }),
      floored(run.id),
      ...run.reaches,
      run.place,
    ]),
    ["name", "", "", "", "", "", "", "place"],
  );
  for (const row of body.rows) row.dataset.run = row.querySelector("button").dataset.run;
  byId("tables").querySelectorAll("table").forEach(search);
  byId("protocol").replaceChildren(
    list(panel.protocol),
    ...panel.notes.map((textContent) => element("p", { className: "note", textContent })),
  );
  mark();
}

// The name of a run's cell, which shows the run.
function runButton(cell, c, r) {
  const button = element("button", { type: "button", textContent: cell.name, onclick: () => choose(c, r) });
  button.dataset.run = `${c}.${r}`;
  return button;
}
