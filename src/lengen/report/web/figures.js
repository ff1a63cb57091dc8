// Success rates, performance profiles, heat maps and cost.

// Share of seeds that succeed at each length, with intervals; cells are slightly offset so that these do not overlap.
function rates(panel, cells, width) {
  const x = axisX(panel, width, cells),
    look = looks(cells),
    values = [];
  cells.forEach((cell, rank) => {
    const moved = dodged(
      cell.lengths.map((l) => x.share(place(cell, l))),
      x.share(x.trained),
      rank,
      cells.length,
    );
    cell.lengths.forEach((l, k) => {
      const tried = cell.seeds.tried,
        [low, high] = [cell.seeds.low[k], cell.seeds.high[k]];
      values.push({
        c: cell.c,
        x: x.value(moved[k]),
        y: cell.seeds.successes[k] / tried,
        low,
        high,
        tip: [
          cell.name,
          `length ${l} (${number(l / cell.train_length)} x)`,
          `${cell.seeds.successes[k]} of ${tried} seeds, 95% interval ${floored(low, 2)} to ${floored(high, 2)}`,
        ],
      });
    });
  });
  const y = axisY(`share of seeds with exact match ≥ ${study.threshold}`, [0, 1], { share: true }),
    at = { x: x.encoding, y, color: look.color };
  return {
    width,
    height: 260,
    data: { values },
    layer: [
      shade(x),
      {
        mark: { type: "rule", opacity: 0.6, tooltip: "cell" },
        encoding: { ...at, y: { ...y, field: "low" }, y2: { field: "high" } },
      },
      { mark: { type: "line", strokeWidth: 1.6 }, encoding: { ...at, strokeDash: look.dash } },
      {
        mark: { type: "point", filled: true, size: 44, opacity: 1, tooltip: "cell" },
        encoding: { ...at, shape: look.shape },
      },
    ],
  };
}

// Share of seeds whose reach is at least a multiple of the train length.
function profile(factors, cells, width, title) {
  const look = looks(cells),
    values = [];
  const last = new Set(),
    bars = []; // the interval of each level once, at different shares of the levels of different cells
  cells.filter((cell) => cell.seeds.profile).forEach((cell, rank) => {
    const { tried, successes, low, high } = cell.seeds.profile;
    last.add(factors[successes.length - 1]);
    let start = factors[0];
    successes.forEach((count, k) => {
      if (count === successes[k + 1]) return;
      const x = start * (factors[k] / start) ** ((rank + 1) / (cells.length + 1));
      if (factors[k] > start) bars.push({ c: cell.c, x, y: count / tried, low: low[k], high: high[k] });
      start = factors[k];
    });
    successes.forEach((count, k) =>
      values.push({
        c: cell.c,
        x: factors[k],
        y: count / tried,
        low: low[k],
        high: high[k],
        corner: count > 0 && count !== successes[k + 1],
        tip: [
          cell.name,
          `${count} of ${tried} seeds reach at least ${number(factors[k])} train lengths, 95% interval ${floored(low[k], 2)} to ${floored(high[k], 2)}`,
        ],
      }),
    );
  });
  const sweeps = [...last].map((end) => ({ x: end, text: end === Math.max(...last) ? "sweep ends" : "" }));
  const ends = { lengths: factors, train_length: 1 };
  const x = axisX({ cells: [ends], train_length: 1, logarithmic: factors.at(-1) >= 8 * factors[0] }, width, [ends]);
  x.encoding.axis.title = `reach ${bound} / train length, at least`;
  x.encoding.axis.format = ".3~g";
  const at = { x: x.encoding, y: axisY("share of seeds", [0, 1], { share: true }), color: look.color };
  return {
    width,
    height: 220,
    ...(title && { title: { text: title, anchor: "start", fontSize: 12 } }),
    data: { values },
    layer: [
      shade(x),
      {
        data: { values: sweeps },
        layer: [
          { mark: { type: "rule", strokeDash: [1, 3], color: theme().soft }, encoding: { x: x.encoding } },
          {
            mark: { type: "text", align: "right", baseline: "bottom", dy: -3, fontSize: 9, color: theme().soft },
            encoding: { x: x.encoding, y: { value: 0 }, text: { field: "text" } },
          },
        ],
      },
      {
        data: { values: bars },
        mark: { type: "rule", opacity: 0.6 },
        encoding: { ...at, y: { ...at.y, field: "low" }, y2: { field: "high" } },
      },
      {
        mark: { type: "line", interpolate: "step-before", strokeWidth: 1.8 },
        encoding: { ...at, strokeDash: look.dash },
      },
      {
        transform: [{ filter: "datum.corner" }],
        mark: { type: "point", filled: true, size: 40, opacity: 1, tooltip: "cell" },
        encoding: { ...at, shape: look.shape },
      },
    ],
  };
}

// Heat map of medians, cell by length.
function heat(panel, cells, width) {
  const metric = METRICS[state.metric],
    values = [];
  for (const cell of cells)
    cell.lengths.forEach((l, k) => {
      const value = cell.seeds.quartiles[state.metric][1][k];
      if (known(value))
        values.push({
          c: cell.c,
          name: cell.name,
          x: +place(cell, l).toPrecision(3),
          y: value,
          text: metric.share ? short(value) : number(+value.toPrecision(2)),
          tip: [cell.name, `length ${l} (${number(l / cell.train_length)} x)`, `median ${metric.name} ${metricText(state.metric, value)}`],
        });
    });
  const columns = [...new Set(values.map((row) => row.x))].sort((a, b) => a - b),
    names = cells.map((cell) => cell.name);
  const trained = state.x === "factor" ? 1 : panel.train_length,
    middle = (value) => columns.indexOf(value) / columns.length;
  const labels = Math.min(width * 0.4, 20 + 6.2 * Math.max(...names.map((name) => name.length)), 200),
    room = width + LEFT - labels - 30;
  if (!values.length) return null;
  const letters = Math.max(...values.map((row) => row.text.length));
  const found = values.map((row) => row.y),
    ends = metric.share ? [0, 1] : [Math.min(...found), Math.max(...found)],
    log = metric.wide && ends[0] > 0;
  const dark = metric.share
    ? "datum.y < 0.6"
    : log
      ? `datum.y < ${Math.sqrt(ends[0] * ends[1])}`
      : `datum.y < ${(ends[0] + ends[1]) / 2}`;
  const at = {
    x: {
      field: "x",
      type: "ordinal",
      scale: { domain: columns },
      axis: {
        ...ticks([trained, columns.at(-1), columns[0]].filter((value) => columns.includes(value)), columns, middle, room),
        title: state.x === "factor" ? "length / train length" : "length",
        labelAngle: 0,
      },
    },
    y: {
      field: "name",
      type: "nominal",
      scale: { domain: names },
      axis: { title: null, labelLimit: labels, minExtent: labels, maxExtent: labels },
    },
  };
  return {
    width: room,
    height: 22 * names.length,
    data: { values },
    layer: [
      {
        mark: { type: "rect", tooltip: "cell" },
        encoding: {
          ...at,
          color: {
            field: "y",
            type: "quantitative",
            scale: { scheme: "viridis", domain: ends, ...(log && { type: "log" }) },
            legend: {
              title: metric.axis,
              orient: "bottom",
              gradientLength: Math.min(220, room),
              gradientThickness: 8,
              titleFontWeight: "normal",
              format: metric.format ?? ".4~g",
              tickCount: 5,
            },
          },
        },
      },
      ...(room / columns.length > 3 + 5.6 * letters
        ? [
            {
              mark: { type: "text", fontSize: 10, tooltip: "cell" },
              encoding: {
                ...at,
                text: { field: "text" },
                color: { condition: { test: dark, value: "#fff" }, value: "#1f2328" },
              },
            },
          ]
        : []),
    ],
  };
}

// Median cost over length.
function cost(panel, cells, width, field, title, options) {
  const x = axisX(panel, width, cells),
    look = looks(cells),
    values = [];
  for (const cell of cells)
    cell.seeds[field].forEach((value, k) =>
      values.push({
        c: cell.c,
        x: place(cell, cell.lengths[k]),
        y: value,
        tip: [cell.name, `length ${cell.lengths[k]}`, `${number(value)} ${title}`],
      }),
    );
  const at = {
    x: x.encoding,
    y: axisY(
      title,
      values.map((row) => row.y),
      options,
    ),
    color: look.color,
  };
  if (!values.some((row) => known(row.y))) return null;
  return {
    width,
    height: 200,
    data: { values },
    layer: [
      shade(x),
      { mark: { type: "line", strokeWidth: 1.6 }, encoding: { ...at, strokeDash: look.dash } },
      {
        mark: { type: "point", filled: true, size: 40, opacity: 1, tooltip: "cell" },
        encoding: { ...at, shape: look.shape },
      },
    ],
  };
}
