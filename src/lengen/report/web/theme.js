// Light and dark: the colours of the figures follow those of the page, which follow the system.

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const LIGHT = { page: "#fff", ink: "#1f2328", soft: "#59636e", grid: "#e6e9ec", domain: "#8b949e", shade: "#efefef", chance: "#222222" };
const DARK = { page: "#14181d", ink: "#e6e9ec", soft: "#a3adb8", grid: "#2b323a", domain: "#6b7580", shade: "#242a31", chance: "#dddddd" };
const theme = () => (darkScheme.matches ? DARK : LIGHT);

// The colour of a cell, lighter where the page is dark and it would not be seen.
function ink(colour) {
  if (!darkScheme.matches) return colour;
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)),
    bright = (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]) / 255,
    mixed = Math.min(0.6, Math.max(0, (0.62 - bright) * 1.1));
  return `#${parts.map((part) => Math.round(part + (255 - part) * mixed).toString(16).padStart(2, "0")).join("")}`;
}

// Vega's configuration.
function vegaConfig() {
  const { page, ink: text, grid, domain } = theme();
  return {
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
    background: page,
    view: { stroke: null },
    title: { color: text },
    header: { labelColor: text },
    legend: { labelColor: text, titleColor: text },
    axis: {
      labelColor: text,
      titleColor: text,
      titleFontWeight: "normal",
      titleFontSize: 12,
      labelFontSize: 11,
      gridColor: grid,
      domainColor: domain,
      tickColor: domain,
    },
  };
}
