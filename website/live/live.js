// What all pages that answer share: their tables, and a few words for drawing. Nothing here computes; it only looks up and draws.
"use strict"

const tables = JSON.parse(document.getElementById("tables").textContent)
const at = id => document.getElementById(id)

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children)
}

function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children)
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value)
    else node.setAttribute(key, value)
  }
  node.append(...children)
  return node
}

// A drawing with a description for readers who cannot see it.
function drawing(width, height, alt, ...children) {
  return shape("svg", {viewBox: `0 0 ${width} ${height}`, width, height, class: "drawing", role: "img", "aria-label": alt}, ...children)
}

function label(x, y, words, attributes = {}) {
  return shape("text", {x, y, "text-anchor": "middle", ...attributes}, words)
}

// Radio buttons, one per entry of `names`; `moved` hears the number of the one chosen.
function radios(fieldset, names, chosen, moved) {
  names.forEach((name, number) => {
    const box = element("input", {type: "radio", name: fieldset.id, value: number, onchange: () => moved(number)})
    box.checked = number === chosen
    fieldset.append(element("label", {}, box, " ", name))
  })
}

const grouped = number => number.toLocaleString("en-US")

// A map of path counts; the largest has the full colour.
function heat(rows, more = () => ({})) {
  const side = Math.min(24, 300 / rows.length), most = Math.max(1, ...rows.flat()), parts = []
  rows.forEach((row, output) => {
    const cells = row.map((paths, input) => shape("rect", {x: 22 + input * side, y: 4 + output * side, width: side - 1, height: side - 1, class: "cell", style: `--share: ${paths / most}`}))
    const words = side < 15 ? [] : row.map((paths, input) => label(22 + (input + 0.5) * side, 8 + (output + 0.5) * side, String(paths)))
    if (side >= 15) words.push(label(10, 8 + (output + 0.5) * side, String(output), {class: "small"}))
    parts.push(shape("g", more(output), ...cells, ...words))
  })
  return {parts, side, width: 26 + side * rows[0].length, height: 8 + side * rows.length}
}

// The paths that end in one output, from the stage `first` on, factors named below.
function paths(view, output, first, more = () => ({})) {
  const counts = view.counts[output], stages = counts.length, tallest = Math.max(...counts.map(column => column.length))
  const height = Math.max(23 * 12, 16 * tallest), x = s => 26 + 300 * s / (stages - 1), parts = []
  const y = (stage, c) => 10 + height * (c + 0.5) / counts[stage].length
  view.links[output].forEach((links, stage) => {
    if (stage >= first) for (const [i, o] of links) parts.push(shape("line", {x1: x(stage), y1: y(stage, i), x2: x(stage + 1), y2: y(stage + 1, o), class: "link"}))
  })
  counts.forEach((column, stage) => column.forEach((number, c) => {
    const last = stage === stages - 1
    parts.push(shape("circle", {cx: x(stage), cy: y(stage, c), r: last ? 7 : 5, class: stage >= first && number ? "channel lit" : "channel", ...(last ? more(c) : {})}))
    if (stage === 0 && first === 0) parts.push(label(10, y(0, c) + 4, String(number), {class: "small"}))
  }))
  view.factors.forEach((factor, k) => parts.push(label((x(k) + x(k + 1)) / 2, height + 28, factor.in ? `${factor.in} wide` : "deal", {class: "small"})))
  return drawing(350, height + 36, `The paths that end in output ${output}`, ...parts)
}

// Bars of parts, as [name, [values]], all to one scale; `names` are those of the parts.
function bars(rows, names, most = Math.max(...rows.map(([, values]) => values.reduce((a, b) => a + b, 0)))) {
  const parts = []
  rows.forEach(([name, values], row) => {
    let from = 0
    parts.push(label(4, 18 + 52 * row, `${name}: ${grouped(Math.round(values.reduce((a, b) => a + b, 0) * 100) / 100)}`, {"text-anchor": "start"}))
    values.forEach((value, n) => {
      const width = 340 * value / most
      parts.push(shape("rect", {x: 4 + from, y: 24 + 52 * row, width: Math.max(width - 1, 0.5), height: 22, class: `part part-${n}`}))
      if (width > 34) parts.push(label(4 + from + width / 2, 39 + 52 * row, values.length > 1 && names[n] || "", {class: "on"}))
      from += width
    })
  })
  return drawing(350, 52 * rows.length + 4, rows.map(([name, values]) => `${name}: ${values.join(" + ")}`).join("; "), ...parts)
}

// A chart: `lines` as {points, colour, dashed, name}, `dots` as {x, y, hollow}; axes are logarithmic where asked.
function chart({lines = [], dots = [], x, y, alt, width = 420, height = 300, marks = []}) {
  const along = (axis, low, high) => value => {
    const at = axis.log ? Math.log : number => number
    return low + (high - low) * (at(value) - at(axis.from)) / (at(axis.to) - at(axis.from))
  }
  const px = along(x, 48, width - 26), py = along(y, height - 40, 10), parts = []
  for (const tick of x.ticks) parts.push(shape("line", {x1: px(tick), x2: px(tick), y1: 10, y2: height - 40, class: "grid"}), label(px(tick), height - 24, grouped(tick), {class: "small"}))
  for (const tick of y.ticks) parts.push(shape("line", {x1: 48, x2: width - 26, y1: py(tick), y2: py(tick), class: "grid"}), label(43, py(tick) + 4, grouped(tick), {class: "small", "text-anchor": "end"}))
  parts.push(label((width + 36) / 2, height - 6, x.name), label(0, 0, y.name, {transform: `translate(11 ${(height - 30) / 2}) rotate(-90)`}))
  for (const mark of marks) parts.push(shape("line", {x1: px(mark), x2: px(mark), y1: 10, y2: height - 40, class: "mark"}))
  for (const line of lines) {
    const points = line.points.filter(([a, b]) => a >= x.from && a <= x.to && b >= y.from && b <= y.to).map(([a, b]) => `${px(a).toFixed(1)},${py(b).toFixed(1)}`)
    parts.push(shape("polyline", {points: points.join(" "), class: "curve", ...(line.colour ? {style: `stroke:${line.colour}`} : {}), ...(line.dashed ? {"stroke-dasharray": "5 4"} : {})}, shape("title", {}, line.name ?? "")))
  }
  for (const dot of dots) parts.push(shape("circle", {cx: px(dot.x), cy: py(dot.y), r: dot.r ?? 4, class: dot.class ?? "dot"}, shape("title", {}, dot.name ?? "")))
  return drawing(width, height, alt, ...parts)
}
