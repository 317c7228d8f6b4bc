"use strict";
(() => {
  const rows = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const cards = new Map(rows.map((row) => [row.name, byId(row.name)]));
  const MOST = 4; // curves compared at once
  const UNIT = 20, LEFT = 6, TOP = 6; // of a drawing: per 1 of x or y, and where 0 is
  const MARKS = ["M-3,0A3,3 0 1 1 3,0A3,3 0 1 1 -3,0Z", "M-2.7,-2.7H2.7V2.7H-2.7Z", "M0,-3.4L3.2,2.4H-3.2Z", "M0,-3.7L3.7,0L0,3.7L-3.7,0Z"];
  const NEXT = { any: "yes", yes: "no", no: "any" };

  // --- search, filters, order

  const chips = [...document.querySelectorAll(".chip")];

  function setChip(chip, state) {
    chip.dataset.state = state;
    chip.setAttribute("aria-label", `${chip.dataset.key}: ${state}`);
  }

  function matches(row) {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    return words.every((word) => row.words.includes(word))
      && (!byId("family").value || row.family === byId("family").value)
      && chips.every(({ dataset: { key, state } }) => state === "any" || row.has[key] === (state === "yes"));
  }

  function order() {
    const key = byId("sort").value;
    const found = [...rows];
    if (key === "name") found.sort((a, b) => a.name.localeCompare(b.name));
    if (key === "gain" || key === "cost") {
      found.sort((a, b) => (a[key] ?? Infinity) - (b[key] ?? Infinity) || a.name.localeCompare(b.name));
    }
    byId("cards").append(...found.map((row) => cards.get(row.name)));
  }

  function show() {
    let count = 0;
    for (const row of rows) {
      const fits = matches(row);
      cards.get(row.name).hidden = !fits;
      count += fits;
    }
    const none = count ? "" : " Take a property back, or search for less.";
    byId("count").textContent = `${count} of ${rows.length} activations.${none}`;
  }

  function clear() {
    byId("find").value = "";
    byId("family").value = "";
    chips.forEach((chip) => setChip(chip, "any"));
    show();
  }

  // --- comparison

  let chosen = [];
  const used = new Map(); // name -> place among colors and marks, kept while it is chosen

  function toggle(name) {
    if (chosen.includes(name)) {
      chosen = chosen.filter((other) => other !== name);
      used.delete(name);
    } else {
      if (chosen.length === MOST) used.delete(chosen.shift());
      chosen.push(name);
      used.set(name, [0, 1, 2, 3].find((place) => ![...used.values()].includes(place)));
    }
    compare();
  }

  function points(d) { // path data as pieces of [x, y]
    return d.split("M").filter(Boolean).map((piece) => piece.split("L").map((pair) => {
      const [x, y] = pair.split(",").map(Number);
      return [x / UNIT - LEFT, TOP - y / UNIT];
    }));
  }

  function valueAt(d, x) {
    for (const piece of points(d)) {
      for (let i = 1; i < piece.length; i++) {
        const [[x0, y0], [x1, y1]] = [piece[i - 1], piece[i]];
        if (x0 <= x && x <= x1 && x1 > x0) return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
      }
    }
    return NaN;
  }

  function written(y) {
    if (Number.isNaN(y)) return "–";
    if (y > 7.9) return "> 8";
    if (y < -3.9) return "< −4";
    return y.toFixed(2).replace("-0.00", "0.00").replace("-", "−");
  }

  function element(tag, attributes, parent) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent.append(node);
    return node;
  }

  function lines(name) {
    const figure = cards.get(name).querySelector("figure svg");
    return ["value", "slope"].map((kind) => figure.querySelector(`path.${kind}`)?.getAttribute("d") ?? "");
  }

  function compare() {
    for (const [name, card] of cards) {
      const on = chosen.includes(name);
      card.classList.toggle("chosen", on);
      card.querySelector(".pick")?.setAttribute("aria-pressed", String(on));
    }
    byId("tray").hidden = !chosen.length;
    document.body.style.paddingBottom = chosen.length ? "24rem" : "";
    byId("curves").replaceChildren();
    for (const name of chosen) {
      const place = used.get(name);
      const group = element("g", { class: `c${place}` }, byId("curves"));
      const [value, slope] = lines(name);
      if (byId("slopes").checked) element("path", { class: "slope", d: slope }, group);
      element("path", { class: "value", d: value }, group);
      for (let x = -5 + 0.5 * place; x < 6; x += 2.5) { // marks distinguish curves without color
        const y = valueAt(value, x);
        if (y > -2 && y < 6) element("path", { class: "mark", d: MARKS[place], transform: `translate(${(x + LEFT) * UNIT},${(TOP - y) * UNIT})` }, group);
      }
    }
    showValues();
  }

  function showValues() { // the values at the cursor
    const x = Number(byId("at").value);
    byId("here").textContent = x.toFixed(2).replace("-", "−");
    byId("cursor").setAttribute("d", `M${(x + LEFT) * UNIT},0V160`);
    byId("values").replaceChildren(...chosen.map((name) => {
      const place = used.get(name);
      const line = document.createElement("tr");
      const first = document.createElement("td");
      const sign = element("svg", { viewBox: "-4 -4 8 8", class: `c${place}`, "aria-hidden": "true" }, first);
      element("path", { class: "mark", d: MARKS[place] }, sign);
      const link = document.createElement("a");
      link.href = `#${name}`;
      link.textContent = name;
      first.append(link);
      const cells = lines(name).map((d) => {
        const cell = document.createElement("td");
        cell.textContent = written(valueAt(d, x));
        return cell;
      });
      const last = document.createElement("td");
      const button = document.createElement("button");
      button.className = "plain";
      button.type = "button";
      button.textContent = "×";
      button.setAttribute("aria-label", `Take ${name} out`);
      button.addEventListener("click", () => toggle(name));
      last.append(button);
      line.append(first, ...cells, last);
      return line;
    }));
  }

  // --- links into the page: #name, and #compare=name,name

  function follow() {
    const target = decodeURIComponent(location.hash.slice(1));
    if (target.startsWith("compare=")) {
      chosen = [];
      used.clear();
      target.slice(8).split(",").filter((name) => cards.get(name)?.querySelector(".pick")).slice(0, MOST).forEach(toggle);
      return;
    }
    const card = cards.get(target);
    if (!card) return;
    if (card.hidden) clear();
    card.querySelector("details").open = true;
    card.scrollIntoView({ block: "start" });
    card.focus({ preventScroll: true });
  }

  // --- wiring

  byId("controls").hidden = false;
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("find").addEventListener("input", show);
  byId("family").addEventListener("change", show);
  byId("sort").addEventListener("change", order);
  byId("clear").addEventListener("click", clear);
  chips.forEach((chip) => chip.addEventListener("click", () => { setChip(chip, NEXT[chip.dataset.state]); show(); }));
  for (const [name, card] of cards) {
    const pick = card.querySelector(".pick");
    if (!pick) continue;
    pick.hidden = false;
    pick.addEventListener("click", () => toggle(name));
    card.querySelector("figure svg").addEventListener("click", () => toggle(name));
    card.querySelector("figure svg").style.cursor = "pointer";
  }
  byId("slopes").addEventListener("change", compare);
  byId("at").addEventListener("input", showValues);
  byId("empty").addEventListener("click", () => { chosen = []; used.clear(); compare(); });
  byId("fold").addEventListener("click", () => {
    const open = byId("compared").hidden;
    byId("compared").hidden = !open;
    byId("fold").textContent = open ? "Fold" : "Unfold";
    byId("fold").setAttribute("aria-expanded", String(open));
  });
  byId("plot").addEventListener("pointermove", (event) => {
    const box = byId("plot").getBoundingClientRect();
    byId("at").value = (event.clientX - box.left) / box.width * 2 * LEFT - LEFT;
    showValues();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select");
    if (event.key === "/" && !typing) { event.preventDefault(); byId("find").focus(); }
    if (event.key === "Escape" && event.target === byId("find")) { byId("find").value = ""; show(); }
  });
  window.addEventListener("hashchange", follow);
  show();
  follow();
})();
