// Tables: sorted by a click on a header, searched by cell, and downloaded as CSV.

// Fill a table. Rows are kept in the order that was chosen before, if the table is filled again.
function table(node, header, rows, classes = []) {
  const titles = header.map((text, index) => {
    if (!text) return element("td");
    const button = element("button", { type: "button", textContent: text, onclick: () => sort(node, index) });
    return element("th", { scope: "col" }, button);
  });
  const cell = (content, index) => {
    const inner = content instanceof Node ? content : element("span", { textContent: content });
    return element("td", { className: classes[index] ?? "" }, inner);
  };
  const body = element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))));
  node.replaceChildren(element("thead", {}, element("tr", {}, ...titles)), body);
  if (node.dataset.column) order(node, Number(node.dataset.column), node.dataset.direction);
  search(node);
  return body;
}

// Sort by a column: ascending, and descending if it is so already.
function sort(node, index) {
  const again = node.dataset.column === String(index) && node.dataset.direction === "ascending";
  order(node, index, again ? "descending" : "ascending");
}

function order(node, index, direction) {
  Object.assign(node.dataset, { column: index, direction });
  [...node.tHead.rows[0].cells].forEach((head, k) => {
    if (k === index) head.setAttribute("aria-sort", direction);
    else head.removeAttribute("aria-sort");
  });
  const sign = direction === "ascending" ? 1 : -1,
    body = node.tBodies[0],
    keyed = [...body.rows].map((row) => [row.cells[index]?.textContent.trim() ?? "", row]);
  body.append(...keyed.sort(([one], [other]) => compare(one, other, sign)).map(([, row]) => row));
}

// Numbers by value (the first one in a text such as "2 of 4" or ">= 80"), before words, and what is missing last.
function compare(one, other, sign) {
  const value = (text) => {
    const found = text.match(/^[<>=≥ ]*(-?\d+(?:\.\d+)?(?:e-?\d+)?)/);
    return found ? Number(found[1]) : NaN;
  };
  const missing = (text) => text === "" || text === "—";
  if (missing(one) || missing(other)) return missing(one) - missing(other);
  const [a, b] = [value(one), value(other)];
  if (Number.isNaN(a) || Number.isNaN(b))
    return sign * (Number.isNaN(a) - Number.isNaN(b) || one.localeCompare(other, "en", { numeric: true }));
  return sign * (a - b);
}

// Whether the name of a cell has the words that are searched.
function found(name) {
  const text = name.toLowerCase();
  return state.find.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

// Show the rows of the cells that are searched, in a table that has cells.
function search(node) {
  const heads = [...(node.tHead?.rows[0].cells ?? [])].map((head) => head.textContent),
    columns = heads.flatMap((head, k) => (["cell", "first", "second"].includes(head) ? [k] : []));
  if (columns.length)
    for (const row of node.tBodies[0].rows)
      row.hidden = !columns.some((k) => found(row.cells[k]?.textContent ?? ""));
}

// The rows that a table shows, as texts.
function shown(node) {
  const rows = [...node.tHead.rows, ...node.tBodies[0].rows].filter((row) => !row.hidden),
    named = [...node.tHead.rows[0].cells].map((head) => head.textContent !== "");
  return rows.map((row) => [...row.cells].map((each) => each.textContent).filter((_, k) => named[k]));
}

// A number with its interval, such as "+0.12 [-0.30, +0.54]".
const NUMBER = String.raw`[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?`,
  INTERVAL = new RegExp(`^(${NUMBER})(?: \\[(${NUMBER}), (${NUMBER})\\])?$`);

// Rows of which every cell is one value: a column of numbers with intervals becomes three, and what is missing is empty.
function single([header, ...rows]) {
  const cells = rows.map((row) => row.map((value) => (value === "—" ? "" : value))),
    parts = header.map((_, k) => cells.map((row) => String(row[k] ?? "").match(INTERVAL))),
    wide = parts.map((column, k) => column.some((part) => part?.[2]) && column.every((part, r) => part || cells[r][k] === ""));
  const names = header.flatMap((name, k) => (wide[k] ? [name, `${name} low`, `${name} high`] : [name])),
    split = (value, k, r) => (wide[k] ? [1, 2, 3].map((part) => parts[k][r]?.[part]) : [value]);
  return [names, ...cells.map((row, r) => row.flatMap((value, k) => split(value, k, r)))];
}

// Download rows as CSV; a text that a spreadsheet would compute gets an apostrophe, as in the files of a comparison.
function download(name, rows) {
  const field = (value) => {
    const text = known(value) ? String(value) : "",
      safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const text = `${single(rows).map((row) => row.map(field).join(",")).join("\r\n")}\r\n`;
  const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  element("a", { href, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

// A button that downloads what `rows` returns.
function csv(name, rows) {
  const label = `Download CSV: ${name}`;
  return element("button", {
    type: "button",
    className: "csv",
    textContent: "CSV",
    title: label,
    ariaLabel: label,
    onclick: () => download(name.replace(/[^\w.-]+/g, "-").slice(0, 80), rows()),
  });
}

// The chosen metric of every run that the figure of the curves shows, one row a length.
function curveRows() {
  const panel = study.panels[state.task],
    header = ["task", "cell", "seed", "state", "length", "length / train length", METRICS[state.metric].name];
  const rows = drawn(panel).flatMap((cell) =>
    cell.runs
      .filter((run) => !state.trained || run.state === "trained")
      .flatMap((run) =>
        cell.lengths.map((length, k) => [
          panel.name,
          cell.name,
          run.seed,
          run.state,
          length,
          +(length / cell.train_length).toPrecision(6),
          run[state.metric][k],
        ]),
      ),
  );
  return [header, ...rows];
}
