"use strict"

const [first, second, third] = [0, 1, 2], COST = 3
const names = ["S·K₁", "K₂", "K₃"], plain = ["K₁", "K₂", "K₃"]
const written = design => design.slice(0, 3).join(" · ")
const cheapest = tables.designs.reduce((a, b) => b[COST] < a[COST] ? b : a)
const find = widths => tables.designs.find(design => widths.every((width, n) => design[n] === width))
const term = (design, n) => n === first ? tables.area * design[n] : design[n]
const values = plain.map((_, n) => [...new Set(tables.designs.map(design => design[n]))].sort((a, b) => a - b))
let yours = find([4, 6, 6])

// The design whose width `n` is the one asked for, and whose others have moved least.
function nearest(n, width) {
  const far = (design, m) => Math.abs(Math.log(design[m] / yours[m]))
  const order = n === third ? [first, second] : [third, second].filter(m => m !== n).concat(n === first ? [] : [first])
  const kept = order.at(-1)
  return tables.designs.filter(design => design[n] === width).reduce((a, b) => far(b, kept) < far(a, kept) ? b : a)
}

function bet(number) {
  const costs = tables.bets.map(widths => `${widths.join(" · ")}: ${find(widths)[COST]}`).join("; ")
  const [won, mine] = [written(cheapest), find(tables.bets[number])]
  at("bet").textContent = `${written(mine) === won ? "Won" : "Lost"}: the cheapest is ${won}, ${cheapest[COST]} weights per channel. ${costs}.`
  pick(mine)
}

function pick(design) {
  yours = design
  show()
}

// The bars, each from the floor up; pulling one asks for the width at the height of the finger.
function bars3() {
  const tall = 300, top = 60, y = value => tall - 24 - (tall - 50) * Math.min(value, top) / top, parts = []
  parts.push(shape("rect", {x: 24, y: y(9), width: 82, height: y(0) - y(9), class: "floor"}))
  names.forEach((name, n) => {
    const value = term(yours, n), x = 30 + 100 * n
    parts.push(shape("rect", {x, y: y(value), width: 70, height: y(0) - y(value), class: `part part-${n} pull`, onpointerdown: event => pull(event, n, y)}))
    parts.push(label(x + 35, y(value) - 6, `${value}${value > top ? " (cut)" : ""}`), label(x + 35, tall - 6, n === first ? `9 · ${yours[n]}` : `${name} = ${yours[n]}`))
  })
  parts.push(shape("line", {x1: 10, x2: 330, y1: y(tables.balanced / 3), y2: y(tables.balanced / 3), class: "mark"}), label(330, y(tables.balanced / 3) - 4, "balance", {"text-anchor": "end", class: "small"}))
  return drawing(340, tall, `${names.map((name, n) => `${name} is ${term(yours, n)}`).join(", ")}; the floor of the first is 9`, ...parts)
}

function pull(start, n, y) {
  const box = start.target.ownerSVGElement.getBoundingClientRect(), scale = 300 / box.height
  const unit = (y(0) - y(1)) * (n === first ? tables.area : 1)
  const move = event => {
    const asked = Math.max((y(0) - (event.clientY - box.top) * scale) / unit, 0.5)
    const width = values[n].reduce((a, b) => Math.abs(Math.log(b / asked)) < Math.abs(Math.log(a / asked)) ? b : a)
    if (width !== yours[n]) pick(nearest(n, width))
  }
  const end = () => ["pointermove", "pointerup", "pointercancel"].forEach((kind, k) => window.removeEventListener(kind, k ? end : move))
  window.addEventListener("pointermove", move)
  window.addEventListener("pointerup", end)
  window.addEventListener("pointercancel", end)
  start.preventDefault()
}

function map() {
  const side = 300 / tables.map.length, parts = [], place = log => 30 + 150 * (1 + log / tables.reach)
  tables.map.forEach((row, third) => row.forEach((price, second) => parts.push(shape("rect", {
    x: 30 + second * side, y: 300 - (third + 1) * side, width: side + 0.3, height: side + 0.3, class: "cell", style: `--share: ${Math.min(1, Math.log2(price) / 4)}`,
  }))))
  for (const design of tables.designs) {
    const [x, y] = [place(design[4]), 330 - place(design[5])], mine = design === yours
    if (Math.max(Math.abs(design[4]), Math.abs(design[5])) > tables.reach) continue
    parts.push(shape("circle", {cx: x, cy: y, r: mine ? 8 : 3.2, class: mine ? "yours" : "dot", onclick: () => pick(design)}, shape("title", {}, `${written(design)}: ${design[COST]}`)))
  }
  parts.push(shape("path", {d: "M174 150h12M180 144v12", class: "cross"}), label(180, 322, "K₂ against S·K₁, in doublings"), label(0, 0, "K₃ against S·K₁", {transform: "translate(14 150) rotate(-90)"}))
  return drawing(336, 330, `Map of imbalance with ${tables.designs.length} designs; yours costs ${yours[6]} times balance`, ...parts)
}

const floor = () => chart({
  lines: [{points: tables.factors.map(([L, each]) => [L, each]), name: "balanced term"}, {points: [[1.5, 9], [7.5, 9]], dashed: true, name: "floor"}],
  dots: tables.factors.map(([L, each, sum, true_least]) => ({x: L, y: each, class: each < 9 ? "dot lost" : "dot", name: `${L} factors: ${sum} promised, ${true_least} attainable`})),
  x: {from: 1.5, to: 7.5, ticks: tables.factors.map(([L]) => L), name: "factors"}, y: {from: 0, to: 40, ticks: [0, 9, 20, 30, 40], name: "each factor in balance"},
  alt: "What each of two to seven factors costs in balance; from four on it is less than nine",
})

function show() {
  at("bars").replaceChildren(bars3())
  at("map").replaceChildren(map())
  at("cost").textContent = `${written(yours)}: ${term(yours, 0)} + ${yours[1]} + ${yours[2]} = ${yours[COST]} weights per channel, ${yours[6].toFixed(2)} times the ${tables.balanced} of balance.`
  sliders.forEach((slider, n) => {
    slider.value = values[n].indexOf(yours[n])
    slider.setAttribute("aria-valuetext", yours[n])
    slider.nextSibling.textContent = yours[n]
  })
}

const sliders = plain.map((name, n) => {
  const slider = element("input", {type: "range", min: 0, max: values[n].length - 1, oninput: () => pick(nearest(n, values[n][slider.value]))})
  at("sliders").append(element("label", {}, name, slider, element("span", {class: "width"})))
  return slider
})
radios(at("bets"), tables.bets.map(widths => widths.join(" · ")), null, bet)
at("floor").replaceChildren(floor())
show()
