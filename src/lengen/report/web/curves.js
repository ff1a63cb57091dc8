// A metric over length: every seed, medians and quartiles, large and as small multiples.

// Seeds and quartiles of a metric over length, as rows of one data table.
function rows(panel, cells, separate = false) {
  const found = [],
    p = study.panels.indexOf(panel),
    metric = state.metric;
  const chances = new Set(); // cells of one task have the same, drawn once where they share a figure
  for (const cell of cells) {
    const levels = (cell.chance[metric] ?? []).map((y, k) => ({ x: place(cell, cell.lengths[k]), y })),
      key = JSON.stringify(levels);
    if (separate || !chances.has(key))
      found.push(...levels.map((level) => ({ kind: "chance", c: cell.c, name: cell.name, ...level })));
    chances.add(key);
    const [low, middle, high] = cell.seeds.quartiles[state.metric],
      untrained = cell.runs.length === 1 && cell.runs[0].state !== "trained"; // a median of one seed looks like that seed
    cell.lengths.forEach((l, k) =>
      found.push({
        kind: "middle",
        c: cell.c,
        name: cell.name,
        x: place(cell, l),
        y: middle[k],
        untrained,
        low: low[k],
        high: high[k],
      }),
    );
    cell.runs.forEach((run, r) => {
      if (state.trained && run.state !== "trained") return;
      cell.lengths.forEach((l, k) =>
        found.push({
          kind: "seed",
          p,
          metric,
          c: cell.c,
          r,
          k,
          name: cell.name,
          run: `${cell.c}.${r}`,
          dotted: run.state !== "trained",
          x: place(cell, l),
          y: run[state.metric][k],
        }),
      );
    });
  }
  return found;
}

// Layers of a figure: trained region, chance, bands, seeds, medians, and invisible marks for the pointer.
function layers(x, y, look, { bold = 1, seeds = 1, cells = 1, chance = false } = {}) {
  const faint = Math.max(0.2, Math.min(0.6, 20 / seeds)),
    band = Math.max(0.06, Math.min(0.16, 1 / cells));
  const pick = (kind) => [{ filter: `datum.kind === '${kind}' && isValid(datum.y)` }];
  const at = { x: x.encoding, y, color: look.color };
  const dotted = {
    field: "dotted",
    type: "nominal",
    legend: null,
    scale: {
      domain: [true, false],
      range: [
        [1.5, 2.5],
        [1, 0],
      ],
    },
  };
  return [
    shade(x),
    ...(chance
      ? [
          {
            transform: pick("chance"),
            mark: { type: "line", color: theme().chance, strokeWidth: 1.2 * bold, strokeDash: [1.5, 3], tooltip: null },
            encoding: { x: x.encoding, y, detail: { field: "c" } },
          },
        ]
      : []),
    {
      transform: pick("middle"),
      mark: { type: "area", opacity: band },
      encoding: { ...at, y: { ...y, field: "low" }, y2: { field: "high" } },
    },
    {
      transform: pick("seed"),
      mark: { type: "line", strokeWidth: 0.8 * bold, opacity: faint, tooltip: "run", cursor: "pointer" },
      encoding: { ...at, detail: { field: "run" }, strokeDash: dotted },
    },
    {
      transform: pick("middle"),
      mark: { type: "line", strokeWidth: 2 * bold, tooltip: null },
      encoding: { ...at, strokeDash: { ...look.dash, condition: { test: "datum.untrained", value: [1.5, 2.5] } } },
    },
    {
      transform: pick("middle"),
      mark: { type: "point", filled: true, size: 36 * bold ** 3, opacity: 1, tooltip: null },
      encoding: { ...at, shape: look.shape },
    },
    {
      transform: pick("seed"),
      mark: { type: "point", shape: "circle", filled: true, size: 90, opacity: 0, tooltip: "run", cursor: "pointer" },
      encoding: { ...at, detail: { field: "run" } },
    },
  ];
}

// The median reach of a cell, in the unit of the axis.
function reachText(cell) {
  const text = cell.seeds.reach_text;
  if (state.x !== "factor" || !cell.seeds.reach) return text;
  return `${text.startsWith(">") ? ">= " : ""}${+(cell.seeds.reach / cell.train_length).toPrecision(3)}`;
}

// The figure of one task: reaches in a strip above the metric.
function curves(panel, cells, width) {
  const metric = METRICS[state.metric],
    x = axisX(panel, width, cells),
    look = looks(cells),
    data = rows(panel, cells);
  const main = {
    width,
    height: 300,
    data: { values: data },
    layer: layers(
      x,
      axisY(
        metric.axis,
        data.map((row) => row.y),
        metric,
      ),
      look,
      { seeds: cells.flatMap((cell) => cell.runs).length, cells: cells.length, chance: data.some((row) => row.kind === "chance") },
    ),
    resolve: { scale: { strokeDash: "independent" } },
  };
  const unseen = { labels: false, ticks: false, domain: false },
    bare = { ...x.encoding, axis: { values: x.encoding.axis.values, ...unseen, title: null, grid: true } }, // the ticks of the axis below
    rank = {
      field: "rank",
      type: "quantitative",
      axis: { ...unseen, title: ["reach", bound], grid: false, titleAngle: 0, titleAlign: "right", titleBaseline: "middle", titleFontSize: 9, minExtent: LEFT - 20, maxExtent: LEFT - 20 },
      scale: { domain: [-0.7, cells.length - 0.3], reverse: true, nice: false },
    };
  const end = (cell, reach) => Math.max(reach ? place(cell, reach) : 0, x.domain[0]);
  const reaches = cells.map((cell, rank) => {
    const shown = cell.runs.filter((run) => !state.trained || run.state === "trained"),
      seeds = shown.map((run) => run.reach ?? 0),
      text = reachText(cell);
    const [at, from, to] = [cell.seeds.reach, Math.min(...seeds), Math.max(...seeds)].map((reach) => end(cell, reach)),
      room = (5.5 * text.length + 12) / width, // the value is beside the range, or on it without room
      left = x.share(to) > 1 - room;
    return {
      c: cell.c,
      rank,
      x: at,
      from,
      to,
      text,
      left,
      beside: left ? (x.share(from) > room ? from : at) : to,
      tip: [cell.name, `reach ${bound}: median ${cell.seeds.reach_text}`, `seeds: ${shown.map((run) => run.reach_text).join(", ")}`],
    };
  });
  const strip = {
    width,
    height: 11 * cells.length + 4,
    data: { values: reaches },
    layer: [
      shade({ ...x, encoding: bare }),
      {
        mark: { type: "rule", strokeWidth: 1.5, tooltip: "cell" },
        encoding: { x: { ...bare, field: "from" }, x2: { field: "to" }, y: rank, color: look.color },
      },
      {
        mark: { type: "point", filled: true, size: 44, opacity: 1, tooltip: "cell" },
        encoding: { x: bare, y: rank, color: look.color, shape: look.shape },
      },
      ...[true, false].flatMap((left) =>
        [theme().page, theme().soft].map((color, front) => ({
          transform: [{ filter: `datum.left === ${left}` }],
          mark: { type: "text", align: left ? "right" : "left", dx: left ? -7 : 7, fontSize: 9, color, ...(!front && { stroke: theme().page, strokeWidth: 4 }) },
          encoding: { x: { ...bare, field: "beside" }, y: rank, text: { field: "text" } },
        })),
      ),
    ],
  };
  return { vconcat: [strip, main], spacing: 6 };
}

// The small multiples of one task: one small figure per cell.
function multiples(panel, cells, width) {
  const columns = Math.max(1, Math.min(cells.length, Math.floor(width / 170))),
    each = Math.min(260, Math.floor((width - 30) / columns) - 24);
  const x = axisX(panel, each, cells),
    data = rows(panel, cells, true),
    names = cells.map((cell) => cell.name);
  x.encoding.axis = { ...x.encoding.axis, title: null };
  const y = axisY(
    null,
    data.map((row) => row.y),
    { ...METRICS[state.metric], left: 50 },
  );
  if (METRICS[state.metric].share) y.axis.values = [0, 0.5, 1];
  return {
    data: { values: data },
    columns,
    spacing: { row: 12, column: 22 },
    facet: {
      field: "name",
      type: "nominal",
      sort: { field: "c", op: "min" },
      header: { title: null, labelFontSize: 11, labelLimit: each, labelPadding: 3 },
    },
    spec: {
      width: each,
      height: 84,
      layer: layers(x, y, looks(cells), { bold: 0.75, chance: data.some((row) => row.kind === "chance") }),
      resolve: { scale: { strokeDash: "independent" } },
    },
  };
}
