// Success rates, performance profiles, heat maps and cost.

// Share of seeds that succeed at each length, with intervals; cells are slightly offset so that these do not overlap.
function rates(panel, lines, width) {
  const x = axisX(panel, width, lines),
    look = looks(lines),
    values = [];
  const gap = Math.min(0.008, 0.03 / lines.length);
  lines.forEach((line, rank) =>
    line.lengths.forEach((l, k) => {
      const aside = gap * (rank - (lines.length - 1) / 2),
        tried = line.seeds.tried,
        [low, high] = [line.seeds.low[k], line.seeds.high[k]];
      const moved = panel.logarithmic
        ? place(line, l) * (x.domain[1] / x.domain[0]) ** aside
        : place(line, l) + (x.domain[1] - x.domain[0]) * aside;
      values.push({
        c: line.c,
        x: moved,
        y: line.seeds.successes[k] / tried,
        low,
        high,
        tip: [
          line.name,
          `length ${l} (${short(l / line.train_length)} x)`,
          `${line.seeds.successes[k]} of ${tried} seeds, 95% interval ${low.toFixed(2)} to ${high.toFixed(2)}`,
        ],
      });
    }),
  );
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
function profile(factors, lines, width, title) {
  const look = looks(lines),
    values = [];
  const share = (line) => line.seeds.profile ?? line.seeds;
  const corner = (line, k) => share(line)[k] && share(line)[k] !== share(line)[k + 1];
  for (const line of lines.filter((line) => line.unreached !== "not measurable"))
    factors.forEach((factor, k) =>
      values.push({
        c: line.c,
        x: factor,
        y: share(line)[k],
        corner: Boolean(corner(line, k)),
        tip: [line.name, `${short(share(line)[k] * 100)}% of seeds reach at least ${short(factor)} train lengths`],
      }),
    );
  const ends = { lengths: factors, train_length: 1 };
  const x = axisX({ lines: [ends], train_length: 1, logarithmic: factors.at(-1) >= 8 * factors[0] }, width, [ends]);
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
function heat(panel, lines, width) {
  const metric = METRICS[state.metric],
    values = [];
  for (const line of lines)
    line.lengths.forEach((l, k) => {
      const value = line.seeds.quartiles[state.metric][1][k];
      if (known(value))
        values.push({
          c: line.c,
          name: line.name,
          x: +place(line, l).toPrecision(3),
          y: value,
          text: metric.share ? value.toFixed(2) : short(+value.toPrecision(2)),
          tip: [line.name, `length ${l} (${short(l / line.train_length)} x)`, `median ${metric.name} ${short(value)}`],
        });
    });
  const columns = [...new Set(values.map((row) => row.x))].sort((a, b) => a - b),
    names = lines.map((line) => line.name);
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
      axis: { title: state.x === "factor" ? "length / train length" : "length", labelAngle: 0, labelOverlap: true },
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
function cost(panel, lines, width, field, title, options) {
  const x = axisX(panel, width, lines),
    look = looks(lines),
    values = [];
  for (const line of lines)
    line.seeds[field].forEach((value, k) =>
      values.push({
        c: line.c,
        x: place(line, line.lengths[k]),
        y: value,
        tip: [line.name, `length ${line.lengths[k]}`, `${short(value)} ${title}`],
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
