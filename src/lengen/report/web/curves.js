// A metric over length: every seed, medians and quartiles, large and as small multiples.

// Seeds and quartiles of a metric over length, as rows of one data table.
function rows(panel, lines, separate = false) {
  const found = [],
    p = study.panels.indexOf(panel),
    metric = state.metric;
  const chances = new Set(); // cells of one task have the same, drawn once where they share a figure
  for (const line of lines) {
    const levels = (line.chance[metric] ?? []).map((y, k) => ({ x: place(line, line.lengths[k]), y })),
      key = JSON.stringify(levels);
    if (separate || !chances.has(key))
      found.push(...levels.map((level) => ({ kind: "chance", c: line.c, name: line.name, ...level })));
    chances.add(key);
    const [low, middle, high] = line.seeds.quartiles[state.metric];
    line.lengths.forEach((l, k) =>
      found.push({
        kind: "middle",
        c: line.c,
        name: line.name,
        x: place(line, l),
        y: middle[k],
        low: low[k],
        high: high[k],
      }),
    );
    line.runs.forEach((run, r) => {
      if (state.trained && run.state !== "trained") return;
      line.lengths.forEach((l, k) =>
        found.push({
          kind: "seed",
          p,
          metric,
          c: line.c,
          r,
          k,
          name: line.name,
          run: `${line.c}.${r}`,
          dotted: run.state !== "trained",
          x: place(line, l),
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
            mark: { type: "line", color: "#222222", strokeWidth: 1.2 * bold, strokeDash: [1.5, 3], tooltip: null },
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
      encoding: { ...at, strokeDash: look.dash },
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

// The figure of one task: reaches in a strip above the metric.
function curves(panel, lines, width) {
  const metric = METRICS[state.metric],
    x = axisX(panel, width, lines),
    look = looks(lines),
    data = rows(panel, lines);
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
      { seeds: lines.flatMap((line) => line.runs).length, cells: lines.length, chance: data.some((row) => row.kind === "chance") },
    ),
    resolve: { scale: { strokeDash: "independent" } },
  };
  const bare = { ...x.encoding, axis: null },
    rank = {
      field: "rank",
      type: "quantitative",
      axis: null,
      scale: { domain: [-0.7, lines.length - 0.3], reverse: true, nice: false },
    };
  const end = (line, reach) => Math.max(reach ? place(line, reach) : 0, x.domain[0]);
  const reaches = lines.map((line, rank) => {
    const seeds = line.runs.filter((run) => !state.trained || run.state === "trained").map((run) => run.reach ?? 0);
    return {
      c: line.c,
      rank,
      x: end(line, line.seeds.reach),
      from: end(line, Math.min(...seeds)),
      to: end(line, Math.max(...seeds)),
      none: Math.max(...seeds) ? null : line.unreached === "none" ? "no reach" : "reach not measurable",
      tip: [
        line.name,
        `reach ${bound}: median ${line.seeds.reach || line.unreached}`,
        `seeds: ${seeds.map((reach) => reach || line.unreached).join(", ")}`,
      ],
    };
  });
  const strip = {
    width,
    height: 11 * lines.length + 4,
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
      {
        transform: [{ filter: "datum.none" }],
        mark: { type: "text", align: "left", dx: 7, fontSize: 9, color: "#59636e" },
        encoding: { x: bare, y: rank, text: { field: "none", type: "nominal" } },
      },
    ],
  };
  return { vconcat: [strip, main], spacing: 6 };
}

// The small multiples of one task: one small figure per cell.
function multiples(panel, lines, width) {
  const columns = Math.max(1, Math.min(lines.length, Math.floor(width / 170))),
    each = Math.min(260, Math.floor((width - 30) / columns) - 24);
  const x = axisX(panel, each, lines),
    data = rows(panel, lines, true),
    names = lines.map((line) => line.name);
  x.encoding.axis = {
    ...x.encoding.axis,
    title: null,
    values: x.encoding.axis.values.filter((value) => value >= x.trained),
  };
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
      layer: layers(x, y, looks(lines), { bold: 0.75, chance: data.some((row) => row.kind === "chance") }),
      resolve: { scale: { strokeDash: "independent" } },
    },
  };
}
