"use strict"

function picture() {
  const place = `${chosen("L")}|${chosen("M")}`, rows = tables.maps[`${place}|${chosen("permuted")}`], fact = name => Number(tables.answers[key()][1 + tables.facts.indexOf(name)].replaceAll(",", ""))
  const [primary, secondary] = tables.parts[`${place}|${chosen("kernel_size")}`]
  const weights = bars([[`block, ${grouped(primary)} primary and ${grouped(secondary)} secondary`, [primary, secondary]], ["regular convolution", [fact("weights of a regular convolution")]]], ["primary", "secondary"])
  if (!rows) return [element("p", {}, "A map of more than 32 channels has no room here."), weights]
  const map = heat(rows)
  return [element("p", {}, "Paths of every pair, inputs across, outputs down:"), drawing(map.width, map.height, "Numbers of paths from every input to every output", ...map.parts), element("p", {}, "Weights:"), weights]
}
