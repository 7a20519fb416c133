"use strict"

const picture = () => [paths(tables.views[`${chosen("chain")}|${chosen("permuted")}`], Number(chosen("output")), 0, output => ({onclick: () => set(control("output"), String(output)), style: "cursor: pointer"}))]
