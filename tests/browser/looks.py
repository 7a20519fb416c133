"""What is wrong with how a page looks, asked in the page: each of these scripts returns the beginnings of the elements at fault.

`CUT` lie beyond the screen and in nothing that scrolls. `UNNAMED` have no description, or no size. `UNREACHED` are passed over by
the Tab key, or taken out of order. `PALE` differ from what is behind them by less than 4.5 to 1, formulas too. `SMALL` are formulas
below twelve pixels, or shrunk to fit.
"""

CUT = """() => [...document.querySelectorAll("main *")].filter(node => {
  if (node.closest("mjx-container, .scroll, svg, pre, .output_area, main > table") || !node.offsetParent) return false
  const box = node.getBoundingClientRect()
  return box.width && (box.right > innerWidth + 1 || box.left < -1)
}).map(node => node.outerHTML.slice(0, 80))"""

UNNAMED = """() => [...document.querySelectorAll("main :is(img, svg.drawing, canvas, input, select, button)")].filter(node => {
  const box = node.getBoundingClientRect(), named = node.alt || node.ariaLabel || node.labels?.length || node.textContent.trim()
  const sized = !node.matches("img") || (node.getAttribute("width") && node.getAttribute("height"))
  return !named || !sized || (!node.hidden && node.offsetParent && !box.width)
}).map(node => node.outerHTML.slice(0, 80))"""

UNREACHED = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [onclick], [tabindex]")].filter(
  node => node.tabIndex < 0 && !node.matches("[role=presentation], .bk-root *") || node.tabIndex > 0
).map(node => node.outerHTML.slice(0, 80))"""

PALE = """() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true})
  const painted = layers => {
    pen.globalAlpha = 1
    for (const [colour, alpha] of layers) { pen.globalAlpha = alpha; pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1) }
    const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(v => linear(v / 255))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  const behind = node => node
    ? [...behind(node.parentElement ?? node.getRootNode().host), [getComputedStyle(node).backgroundColor, 1]] : [["white", 1]]
  const paper = [colour("--paper"), 1], strongest = [colour("--lit"), Number(colour("--most"))]
  const under = node => {
    if (!node.closest("svg")) return [behind(node)]
    if (node.matches(".on")) return ["--lit", "--second", "--third"].map(name => [[colour(name), 1]])
    return node.matches(".small") ? [[paper]] : [[paper], [paper, strongest]]
  }
  const own = node => node.matches("select, input:is([type=text], [type=number])")
    || [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())
  const inside = root => [...root.querySelectorAll("*")].flatMap(
    node => node.shadowRoot ? [node, ...inside(node.shadowRoot)] : [node])
  const unseen = "script, style, noscript, title, option, :disabled, mjx-container, mjx-container *"
  const nodes = inside(document.body).filter(node => own(node) && !node.matches(unseen))
  const formulas = [...document.querySelectorAll("mjx-container > svg")].filter(
    node => contrast(painted(behind(node)), painted([[getComputedStyle(node).color, 1]])) < 4.5)
  return nodes.filter(node => under(node).some(layers => {
    const ink = getComputedStyle(node)[node.closest("svg") ? "fill" : "color"]
    return contrast(painted(layers), painted([...layers, [ink, 1]])) < 4.5
  })).concat(formulas).map(node => node.outerHTML.slice(0, 120))
}"""

SMALL = """() => [...document.querySelectorAll("main mjx-container > svg")].filter(node => {
  const box = node.getBoundingClientRect(), size = parseFloat(getComputedStyle(node).fontSize)
  const probe = node.parentElement.appendChild(document.createElement("i"))
  probe.style.cssText = `position: absolute; width: ${node.getAttribute("width")}`
  const asked = probe.getBoundingClientRect().width
  probe.remove()
  return box.width && (size < 12 || box.width < 0.97 * asked)
}).map(node => node.outerHTML.slice(0, 80))"""
