// The page: figures are redrawn whenever another task, metric, axis, set of runs or cell is chosen.

const views = new Map();
let drawing = 0;

// Draw the figure `id` from its specification, or say that there is nothing to draw.
async function show(id, spec) {
  const node = byId(id);
  node.style.minHeight = `${node.offsetHeight}px`;
  views.get(id)?.finalize();
  views.delete(id);
  if (!spec) {
    node.replaceChildren(
      element("p", {
        className: "nothing",
        textContent: "Nothing to draw: no cell is selected, or no selected cell has a value to show.",
      }),
    );
  } else {
    const title = node.closest("figure").querySelector("h2").textContent;
    const result = await vegaEmbed(node, { description: `${title} (figure; the tables below have its numbers)`, ...spec }, {
      mode: "vega-lite",
      renderer: "svg",
      ast: true,
      tooltip: hover,
      config: vegaConfig(),
      downloadFileName: id,
      actions: { export: true, source: false, compiled: false, editor: false },
    });
    result.view.addEventListener(
      "click",
      (event, item) => item?.datum?.run && choose(item.datum.c, item.datum.r, item.datum.p),
    );
    node.querySelector("summary")?.setAttribute("aria-label", "save the figure");
    views.set(id, result);
  }
  node.style.minHeight = "";
}

// The profile over all tasks; it needs its own legend, since not every task has every cell.
function together() {
  const cells = study.profile.cells.map((cell, c) => ({ ...cell, c, seeds: cell.gates[gate()] }));
  const counted = cells.filter((cell) => cell.seeds);
  const width = byId("profile-all").clientWidth - LEFT - RIGHT;
  byId("profile-legend").replaceChildren(
    ...counted.map((cell) => element("span", {}, swatch(cell), element("span", { textContent: cell.name }))),
  );
  return counted.length && profile(study.profile.factors, counted, width, `all ${study.panels.length} tasks`);
}

// Draw all figures, one after the other; stops if the selection changes meanwhile.
async function draw() {
  const mine = ++drawing;
  const panel = study.panels[state.task];
  const cells = drawn(panel);
  document.body.dataset.drawn = "";
  const figure = (id, make) => [id, () => cells.length && make(byId(id).clientWidth - LEFT - RIGHT)];
  const title = study.profile && `${panel.name} only`;
  const figures = [
    figure("curves", (width) => curves(panel, cells, width)),
    figure("rates", (width) => rates(panel, cells, width)),
    figure("profile", (width) => profile(panel.factors, cells, width, title)),
    ...(study.profile ? [["profile-all", together]] : []),
    figure("heat", (width) => heat(panel, cells, width)),
    figure("time", (width) => cost(panel, cells, width, "milliseconds", "ms per example", { wide: 4 })),
    figure("memory", (width) => cost(panel, cells, width, "mebibytes", "peak memory (MiB)", {})),
    ...study.panels.map((each, p) => {
      const id = `multiples-${p}`;
      return [id, () => drawn(each).length && multiples(each, drawn(each), byId(id).clientWidth - RIGHT / 2)];
    }),
  ];
  for (const [id, make] of figures) {
    if (mine !== drawing) return;
    await show(id, make());
  }
  document.body.dataset.drawn = "yes";
}

// Store the selection in the address, so that it can be linked to.
function remember() {
  const chosen = {
    task: state.task,
    metric: state.metric,
    x: state.x,
    ...(state.trained && { trained: 1 }),
    ...(state.find && { find: state.find }),
    ...(state.hidden.size && { hidden: [...state.hidden].join(",") }),
    ...(state.chosen && { run: `${state.chosen.c}.${state.chosen.r}` }),
  };
  history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
}

// Restore the selection from the address; returns a function that shows the run it names.
function recall() {
  const chosen = new URLSearchParams(location.hash.slice(1)),
    numbers = (key, by) => (chosen.get(key) ?? "").split(by).filter(Boolean).map(Number);
  const named = study.panels.findIndex((panel) => panel.name === chosen.get("task"));
  state.task = study.panels[chosen.get("task")] ? Number(chosen.get("task")) : Math.max(0, named);
  state.metric = Object.hasOwn(METRICS, chosen.get("metric")) ? chosen.get("metric") : "exact_match";
  state.x = chosen.get("x") === "factor" ? "factor" : "length";
  state.find = chosen.get("find") ?? "";
  state.trained = chosen.has("trained");
  state.hidden = new Set(numbers("hidden", ","));
  const [c, r] = numbers("run", ".");
  return study.panels[state.task].cells[c]?.runs[r] ? () => choose(c, r) : () => {};
}

// Fill in what does not depend on the selection, and draw for the first time.
function start() {
  const runs = study.panels.flatMap((panel) => panel.cells.flatMap((cell) => cell.runs)),
    count = (state) => runs.filter((run) => run.state === state).length;
  const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  byId("summary").textContent =
    `${counted(runs.length, "run")}: ${count("trained")} trained, ${count("not trained")} not trained, ${count("diverged")} diverged; ${counted(study.panels.length, "task")}, ${counted(
      study.panels.reduce((sum, panel) => sum + panel.cells.length, 0),
      "cell",
    )}; ${study.left_out.length} excluded`;
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
      const [title, ...more] = caption.split(". "),
        head = element("h2", { textContent: title }),
        note = element("p", { className: "note", textContent: more.join(". ") });
      if (!header.length) {
        const text = rows.flat().map((textContent) => element("p", { className: "note", textContent }));
        return element("section", {}, element("details", { open: innerWidth > 640 }, element("summary", {}, head), ...text));
      }
      const node = element("table");
      table(node, header, rows);
      return element("section", {}, head, csv(title, () => shown(node)), ...(more.length ? [note] : []), wide(node));
    }),
  );
  byId("left-out").hidden = !study.left_out.length;
  table(byId("left-out").querySelector("table"), ["run", "reason"], study.left_out, ["place", "reason"]);
  byId("curves-title").after(csv("curves", curveRows));
  for (const id of ["runs", "left-out"]) byId(id).querySelector("h2").after(csv(id, () => shown(byId(id).querySelector("table"))));
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
  byId("find").oninput = choice((target) => {
    state.find = target.value.trim();
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
  addEventListener("keydown", (event) => event.key === "Escape" && state.chosen && unchoose());
  const restore = () => {
    const then = recall();
    state.chosen = null;
    byId("detail").hidden = true;
    byId("find").value = state.find;
    fill();
    then();
    draw();
  };
  addEventListener("hashchange", restore);
  darkScheme.addEventListener("change", () => {
    fill();
    draw();
  });
  restore();
}

// A box in which a table that is wider than the screen can be scrolled, by keys too.
const wide = (node) => element("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: "table" }, node);

start();
