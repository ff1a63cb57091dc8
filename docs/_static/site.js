/* What a screen reader and the keyboard need beyond the theme. */
const attributes = {
  ".sidebar-tree .caption": { "aria-level": 2 },
  ".sidebar-drawer": { "aria-label": "Pages" },
  ".toc-drawer": { "aria-label": "On this page" },
  ".content-icon-container": { role: "navigation", "aria-label": "Source of this page" },
  "article pre, article .table-wrapper, article .text_html": { tabindex: 0 }, // they scroll
};

document.addEventListener("DOMContentLoaded", () => {
  for (const [selector, given] of Object.entries(attributes))
    for (const element of document.querySelectorAll(selector))
      for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
});
