"use strict"

function list(rows) {
  const cells = (row, kind) => element("tr", {}, ...row.map((cell, n) => element(kind, n === 1 || n === 2 ? {class: "number"} : {}, cell)))
  return element("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Widest designs"}, element("table", {}, cells(tables.head, "th"), ...rows.map(row => cells(row, "td"))))
}

// The curves cross, and not at the same place for every kernel: this is where they end.
function fromTheTop(lines) {
  return [...lines].sort((a, b) => b.points.at(-1)[1] - a.points.at(-1)[1]).map(line => line.name)
}

function picture() {
  const rows = tables.rows[key()], weights = Number(chosen("budget"))
  const lines = Object.entries(tables.curves[chosen("kernel_size")]).filter(([name]) => !name.includes("integer"))
    .map(([name, points]) => ({name, points, dashed: name === "continuous optimum", colour: name === "regular" ? "var(--ink)" : ""}))
  const dots = rows.map(row => ({x: weights, y: Number(row[1].replaceAll(",", "")), name: `${row[0]}: ${row[1]} channels`}))
  return [chart({
    lines, dots, marks: [weights], alt: `Width over weights, and the widest designs at ${grouped(weights)} weights`,
    x: {log: true, from: 10, to: 100000, ticks: [10, 100, 1000, 10000, 100000], name: "weights of a block"},
    y: {log: true, from: 1, to: 5000, ticks: [1, 10, 100, 1000], name: "channels"},
  }), element("p", {class: "note", id: "lines"}, `On the right, from the top: ${fromTheTop(lines).join("; ")}. The first, dashed, is the bound over real numbers.`), list(rows)]
}
