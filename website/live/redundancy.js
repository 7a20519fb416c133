"use strict"

const costs = [{name: "bits per weight", column: 2, least: 5}, {name: "operations per weight", column: 3, least: 6}]
const kernels = Object.keys(tables.kernels), state = {kernel: 0, cost: 0}
const points = () => tables.kernels[kernels[state.kernel]]
const WIDE = 330, TALL = 230

function place(point) {
  const {column} = costs[state.cost], [from, to] = range()
  return [30 + (WIDE - 44) * Math.log(point[column] / from) / Math.log(to / from), 10 + (TALL - 50) * (1 - Math.min(point[4], 1))]
}

function range() {
  const all = kernels.flatMap(kernel => tables.kernels[kernel].map(point => point[costs[state.cost].column]))
  return [Math.min(...all) * 0.8, Math.max(...all) * 1.25]
}

// The line that nothing beats, as steps: no point is both left of it and below it.
function best() {
  const kept = points().filter(point => point[costs[state.cost].least]).map(place).sort((a, b) => a[0] - b[0])
  return kept.flatMap(([x, y], n) => n ? [[x, kept[n - 1][1]], [x, y]] : [[x, y]]).map(pair => pair.map(v => v.toFixed(1)).join()).join(" ")
}

function panel(kind) {
  const drawn = points().map(point => ({point, lit: point[0] === kind})).sort((a, b) => a.lit - b.lit)
  const circles = drawn.map(({point, lit}) => shape("circle", {r: lit ? 4.5 : 2.2, class: lit ? "point lit" : "point"}, shape("title", {}, `${point[1]}: error ${point[4]}`)))
  const line = shape("polyline", {class: "curve best"}), [name, low, high] = [label(WIDE / 2, TALL - 4, ""), label(30, TALL - 22, "", {class: "small"}), label(WIDE - 14, TALL - 22, "", {class: "small"})]
  const frame = [label(8, 14, "1", {class: "small"}), label(8, TALL - 36, "0", {class: "small"}), shape("path", {d: `M22 10V${TALL - 38}H${WIDE - 8}`, class: "frame"})]
  const picture = drawing(WIDE, TALL, `Error over cost: ${kind} among all`, ...frame, line, ...circles, name, low, high)
  at("families").append(element("figure", {}, picture, element("figcaption", {}, kind)))
  return () => {
    circles.forEach((circle, n) => {
      const [x, y] = place(drawn[n].point)
      circle.style.transform = `translate(${x}px, ${y}px)`
    })
    const [from, to] = range()
    line.setAttribute("points", best())
    for (const [text, words] of [[name, costs[state.cost].name], [low, from.toPrecision(1)], [high, to.toPrecision(2)]]) text.textContent = words
  }
}

let move = []

function show() {
  move.forEach(one => one())
  const {name, least} = costs[state.cost], kept = points().filter(point => point[least])
  const share = tables.kinds.map(kind => [kind, kept.filter(point => point[0] === kind).length]).filter(([, number]) => number)
  at("word").textContent = `By ${name}, the points that nothing beats: ${share.map(([kind, number]) => `${number} ${kind}`).join(", ")}.`
}

function draw() {
  at("families").replaceChildren()
  move = tables.kinds.map(panel)
  show()
}

function kernel(number) {
  state.kernel = number
  draw()
}

function cost(number) {
  state.cost = number
  show()
}

radios(at("kernels"), kernels, 0, kernel)
radios(at("costs"), costs.map(one => one.name), 0, cost)
draw()
