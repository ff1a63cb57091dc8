// The page: its figures are drawn again whenever another task, metric, axis, gate or cell is chosen.

const CONFIG = {
  font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
  background: "#fff",
  view: { stroke: null },
  axis: {
    labelColor: "#1f2328",
    titleColor: "#1f2328",
    titleFontWeight: "normal",
    titleFontSize: 12,
    labelFontSize: 11,
    gridColor: "#e6e9ec",
    domainColor: "#8b949e",
    tickColor: "#8b949e",
  },
};
const views = new Map();
let drawing = 0;

// The figure `id` from a description, or a line that there is none.
async function show(id, spec) {
  const node = byId(id);
  node.style.minHeight = `${node.offsetHeight}px`;
  views.get(id)?.finalize();
  views.delete(id);
  if (!spec) {
    node.replaceChildren(
      element("p", {
        className: "nothing",
        textContent: "Nothing to draw: no cell is chosen, or none has a run that counts.",
      }),
    );
  } else {
    const result = await vegaEmbed(node, spec, {
      mode: "vega-lite",
      renderer: "svg",
      ast: true,
      tooltip: hover,
      config: CONFIG,
      downloadFileName: id,
      actions: { export: true, source: false, compiled: false, editor: false },
    });
    result.view.addEventListener(
      "click",
      (event, item) => item?.datum?.run && choose(item.datum.c, item.datum.r, item.datum.p),
    );
    views.set(id, result);
  }
  node.style.minHeight = "";
}

async function draw() {
  const mine = ++drawing,
    panel = study.panels[state.task],
    lines = drawn(panel);
  document.body.dataset.drawn = "";
  const figure = (id, make, ...more) => [
    id,
    () => lines.length && make(panel, lines, byId(id).clientWidth - LEFT - RIGHT, ...more),
  ];
  const shares = (profile) =>
    profile.lines.map((line, c) => ({ ...line, c, seeds: line.gates[gate()] })).filter((line) => line.seeds);
  const over = study.profile ? `${panel.name} alone` : "";
  const figures = [
    figure("curves", curves),
    figure("rates", rates),
    figure("profile", (_, __, width) => profile(panel.factors, lines, width, over)),
    ...(study.profile
      ? [
          [
            "profile-all",
            () =>
              shares(study.profile).length &&
              profile(
                study.profile.factors,
                shares(study.profile),
                byId("profile-all").clientWidth - LEFT - RIGHT,
                `all ${study.panels.length} tasks`,
              ),
          ],
        ]
      : []),
    figure("heat", heat),
    figure("time", cost, "milliseconds", "ms per example", { wide: 4 }),
    figure("memory", cost, "mebibytes", "peak memory (MiB)", {}),
    ...study.panels.map((each, p) => [
      `multiples-${p}`,
      () => drawn(each).length && multiples(each, drawn(each), byId(`multiples-${p}`).clientWidth - RIGHT / 2),
    ]),
  ];
  for (const [id, make] of figures) {
    if (mine !== drawing) return;
    await show(id, make());
  }
  document.body.dataset.drawn = "yes";
}

// Everything but the figures, for the task and the runs that are chosen.
function fill() {
  const panel = study.panels[state.task],
    metric = METRICS[state.metric];
  for (const key of ["task", "metric", "x"]) byId(key).value = state[key];
  byId("trained").checked = state.trained;
  byId("curves-title").textContent = `${panel.name}: ${metric.name} over length`;
  byId("curves-note").textContent =
    `Thin: seeds (dotted: not trained). Thick: median. Band: quartiles. Grey: trained lengths. Above: reach ${bound}, median with the range of seeds. Point at a seed for its name, click it for its command and configuration.`;
  byId("heat-title").textContent = `${panel.name}: ${metric.name}, cell by length`;
  const whom = state.trained
    ? "trained seeds alone"
    : "all seeds tried; one that is not trained, or diverged, counts as it is";
  byId("rates-note").textContent =
    `Share of seeds whose exact match at a length is at least ${study.threshold}: ${whom}. Bars: exact 95% intervals over seeds (Clopper-Pearson).`;
  byId("profile-note").textContent =
    `Share of seeds whose reach (longest contiguous length with a lower 95% bound of exact match of at least ${study.threshold}) is at least so many train lengths: ${whom}.`;
  byId("cells").querySelector(".note").textContent =
    `by ${study.by.join(", ")}; trained: ID exact match of at least 0.99`;
  table(
    byId("cells").querySelector("table"),
    ["", "", "cell", "trained", `reach ${bound}`],
    panel.lines.map((line, c) => {
      const box = element("input", {
        type: "checkbox",
        checked: !state.hidden.has(c),
        ariaLabel: line.name,
        onchange: () => {
          state.hidden[box.checked ? "delete" : "add"](c);
          remember();
          draw();
        },
      });
      const trained = line.gates.trained?.tried ?? 0,
        seeds = line.gates[gate()];
      const name = element("button", {
        type: "button",
        textContent: line.name,
        title: "its first run",
        onclick: () => choose(c, 0),
      });
      return [box, swatch(line), name, `${trained} of ${line.runs.length}`, seeds ? seeds.reach || "none" : "–"];
    }),
    ["", "", "name"],
  );
  const runs = panel.lines.flatMap((line, c) => line.runs.map((run, r) => ({ line, run, c, r })));
  const body = table(
    byId("runs"),
    ["cell", "seed", "state", "ID", ...study.thresholds.map((each) => `reach ${each.toFixed(2)}`), "place"],
    runs.map(({ line, run, c, r }) => [
      element("button", { type: "button", textContent: line.name, onclick: () => choose(c, r) }),
      run.seed,
      element("span", { className: `state-${run.state.replace(" ", "-")}`, textContent: run.state }),
      short(run.id),
      ...run.reaches.map((reach) => reach ?? "none"),
      run.place,
    ]),
    ["name", "", "", "", "", "", "", "place"],
  );
  [...body.rows].forEach((row, index) => {
    row.dataset.run = `${runs[index].c}.${runs[index].r}`;
  });
  byId("protocol").replaceChildren(
    list(panel.protocol),
    ...panel.notes.map((textContent) => element("p", { className: "note", textContent })),
  );
  mark();
}

// What is chosen stands in the address, so that a view can be linked to.
function remember() {
  const chosen = {
    task: state.task,
    metric: state.metric,
    x: state.x,
    ...(state.trained && { trained: 1 }),
    ...(state.hidden.size && { hidden: [...state.hidden].join(",") }),
    ...(state.chosen && { run: `${state.chosen.c}.${state.chosen.r}` }),
  };
  history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
}

function recall() {
  const chosen = new URLSearchParams(location.hash.slice(1)),
    numbers = (key, by) => (chosen.get(key) ?? "").split(by).filter(Boolean).map(Number);
  if (study.panels[chosen.get("task")]) state.task = Number(chosen.get("task"));
  if (Object.hasOwn(METRICS, chosen.get("metric"))) state.metric = chosen.get("metric");
  if (chosen.get("x") === "factor") state.x = "factor";
  state.trained = chosen.has("trained");
  state.hidden = new Set(numbers("hidden", ","));
  const [c, r] = numbers("run", ".");
  return study.panels[state.task].lines[c]?.runs[r] ? () => choose(c, r) : () => {};
}

function start() {
  const runs = study.panels.flatMap((panel) => panel.lines.flatMap((line) => line.runs)),
    count = (state) => runs.filter((run) => run.state === state).length;
  const several = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  byId("summary").textContent =
    `${several(runs.length, "run")}: ${count("trained")} trained, ${count("not trained")} not trained, ${count("diverged")} diverged; ${several(study.panels.length, "task")}, ${several(
      study.panels.reduce((sum, panel) => sum + panel.lines.length, 0),
      "cell",
    )}; ${study.left_out.length} left out`;
  byId("task").replaceChildren(
    ...study.panels.map((panel, p) => element("option", { value: p, textContent: panel.name })),
  );
  byId("metric").replaceChildren(
    ...Object.entries(METRICS).map(([value, metric]) => element("option", { value, textContent: metric.name })),
  );
  byId("multiples").replaceChildren(
    ...study.panels.flatMap((panel, p) => [
      element("h3", { textContent: panel.name }),
      element("div", { className: "plot", id: `multiples-${p}` }),
    ]),
  );
  byId("tables").replaceChildren(
    ...study.tables.map(({ caption, header, rows }) => {
      const node = element("table");
      table(node, header, rows);
      return element(
        "section",
        {},
        element("h2", { textContent: caption }),
        element("div", { className: "wide" }, node),
      );
    }),
  );
  byId("left-out").hidden = !study.left_out.length;
  table(byId("left-out").querySelector("table"), ["place", "reason"], study.left_out, ["place", "reason"]);
  const choice = (change) => (event) => {
    change(event.target);
    if (state.chosen && event.target.id === "task") state.chosen = null;
    byId("detail").hidden = !state.chosen;
    fill();
    draw();
  };
  byId("task").onchange = choice((target) => Object.assign(state, { task: Number(target.value), hidden: new Set() }));
  byId("metric").onchange = choice((target) => {
    state.metric = target.value;
  });
  byId("x").onchange = choice((target) => {
    state.x = target.value;
  });
  byId("trained").onchange = choice((target) => {
    state.trained = target.checked;
  });
  byId("controls").onsubmit = () => false;
  let width = innerWidth,
    waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    if (innerWidth !== width)
      waiting = setTimeout(() => {
        width = innerWidth;
        draw();
      }, 150);
  });
  const then = recall();
  fill();
  then();
  draw();
}

start();
