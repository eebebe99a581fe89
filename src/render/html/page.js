//<![CDATA[
// The page is complete without this script, which makes it a picture of one moment: the step that the
// address names (`#step=33`). All that a step changes is in the rows and in the data beside them.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const rows = [...document.getElementsByClassName("row")];
  const last = rows.length;
  if (last === 0) return;

  const MARKS = ["●", "■", "▲", "◆", "★", "✚"];
  const MOST_LISTED = 200;
  const isLong = document.body.classList.contains("long");
  const wide = matchMedia("(min-width: 900px)");
  let now = 0;

  // Of each socket its lines, by step: to find how it stood at any step.
  const lives = new Map();
  for (const [step, key, line, path] of data.changes) {
    if (!lives.has(key)) lives.set(key, []);
    lives.get(key).push({ step, line: data.lines[line], path });
  }
  const sockets = [...lives.keys()].sort((a, b) => a - b).map((key) => lives.get(key));

  // The change of a socket that holds after a step, and the one before it.
  function standing(life, step) {
    let [low, high] = [0, life.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (life[middle].step <= step) low = middle + 1; else high = middle;
    }
    return { is: life[low - 1], was: life[low - 2] };
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function drawTable(step) {
    const body = byId("table").tBodies[0];
    const heads = [...byId("table").tHead.rows[0].cells].map((cell) => cell.textContent);
    const made = [];
    let more = 0;
    for (const life of sockets) {
      const { is, was } = standing(life, step);
      if (!is || is.line.gone) continue;
      if (made.length === MOST_LISTED) { more += 1; continue; }
      const row = element("tr");
      row.setAttribute("role", "row");
      is.line.cells.forEach((text, column) => {
        const cell = element("td", text);
        cell.setAttribute("role", "cell");
        cell.dataset.head = heads[column];
        const before = was && !was.line.gone ? was.line.cells[column] : undefined;
        if (is.step === step && before !== text) {
          cell.className = "changed";
          if (before !== undefined && column !== 6) cell.append(element("small", `was ${before}`));
          else if (before === undefined && column === 1) cell.append(element("small", "new"));
        }
        row.append(cell);
      });
      if (is.step === step) row.className = "changed";
      made.push(row);
    }
    if (more > 0) {
      const row = element("tr");
      const cell = element("td", `and ${more} more`);
      cell.colSpan = heads.length;
      row.append(cell);
      made.push(row);
    }
    body.replaceChildren(...made);
    byId("table").hidden = made.length === 0;
    byId("none").hidden = made.length > 0;
  }

  const SVG = "http://www.w3.org/2000/svg";

  function svgText(text, y, className) {
    const made = document.createElementNS(SVG, "text");
    made.setAttribute("x", 86);
    made.setAttribute("y", y);
    made.setAttribute("class", className);
    made.textContent = text;
    return made;
  }

  function drawDiagram(step) {
    const diagram = byId("diagram");
    if (!diagram) return;
    const inState = new Map();
    const taken = new Set();
    const said = [];
    for (const life of sockets) {
      const { is } = standing(life, step);
      if (!is || !is.line.tcp) continue;
      const fresh = is.step === step;
      if (is.line.gone && !fresh) continue;
      if (!inState.has(is.line.state)) inState.set(is.line.state, []);
      inState.get(is.line.state).push({ ...is.line, fresh });
      if (said.length !== MOST_LISTED) said.push(`${is.line.label} is in ${is.line.state}`);
      if (fresh) is.path.forEach((edge) => taken.add(`edge-${edge}`));
    }
    for (const edge of diagram.querySelectorAll(".edge")) {
      edge.classList.toggle("taken", taken.has(edge.id));
    }
    for (const state of diagram.querySelectorAll(".state")) {
      const inside = inState.get(state.id.slice("state-".length)) || [];
      // What came just now is seen first.
      inside.sort((a, b) => Number(b.fresh) - Number(a.fresh));
      const shown = inside.length > 2 ? 1 : inside.length;
      for (const old of state.querySelectorAll(".in")) old.remove();
      for (let n = 0; n !== shown; n += 1) {
        const { role, label } = inside[n];
        const short = label.length > 20 ? `${label.slice(0, 19)}…` : label;
        const colour = `in c${role % MARKS.length}`;
        state.append(svgText(`${MARKS[role % MARKS.length]} ${short}`, 36 + 16 * n, colour));
      }
      if (shown !== inside.length) state.append(svgText(`and ${inside.length - shown} more`, 52, "in"));
      state.classList.toggle("has", inside.length > 0);
      state.classList.toggle("fresh", inside.some((socket) => socket.fresh));
    }
    byId("diagram-says").textContent = said.join("; ");
  }

  function text(row, className) {
    return [...row.getElementsByClassName(className)].map((it) => it.textContent.trim());
  }

  function sentence(row) {
    const calls = `${text(row, "who").join(" ")}: ${text(row, "call").join(" ")}`;
    return [calls, ...text(row, "arrow"), text(row, "became").join(", ")].filter(Boolean).join("; ");
  }

  function drawWords(step) {
    const row = rows[step - 1];
    let says = `step ${step} of ${last}: ${sentence(row)}`;
    if (step === last) {
      says += `. The end: ${[...byId("end").children].map((it) => it.textContent).join("; ")}`;
    }
    byId("says").textContent = says;
    byId("slider").value = step;
    byId("slider").setAttribute("aria-valuetext", `step ${step} of ${last}`);
    const waiting = [];
    for (const [from, until, call] of data.waits) {
      if (from > step) break;
      if (until !== 0 && until <= step) continue;
      const item = element("li", `${text(rows[from - 1], "who").join(" ")}: `);
      const link = element("a", `${call} since ${from}`);
      link.href = `#step=${from}`;
      item.append(link);
      waiting.push(item);
      if (waiting.length === 12) break;
    }
    byId("waiting").replaceChildren(...waiting);
    byId("waiting").hidden = waiting.length === 0;
    for (const [id, end] of [["first", 1], ["back", 1], ["forward", last], ["last", last]]) {
      // Not `disabled`: whoever has just pressed it must not lose their place.
      byId(id).setAttribute("aria-disabled", String(step === end));
    }
  }

  // Scrolls the list alone, and only where it has a place of its own.
  function reveal(row) {
    if (!wide.matches || row !== rows[now - 1]) return;
    const list = byId("list");
    const [outer, inner] = [list.getBoundingClientRect(), row.getBoundingClientRect()];
    const above = inner.top - outer.top - list.clientHeight / 3;
    const below = inner.bottom - outer.top - list.clientHeight * 2 / 3;
    if (above < 0) list.scrollTop += above;
    else if (below > 0) list.scrollTop += below;
  }

  function show(step) {
    const to = Math.min(Math.max(step, 1), last);
    if (to === now) return;
    if (now > 0) {
      rows[now - 1].classList.remove("now");
      rows[now - 1].removeAttribute("aria-current");
    }
    now = to;
    rows[now - 1].classList.add("now");
    rows[now - 1].setAttribute("aria-current", "step");
    drawTable(now);
    drawDiagram(now);
    drawWords(now);
    reveal(rows[now - 1]);
    // How high the rows of a long list are is known once they are drawn.
    if (isLong) requestAnimationFrame(() => reveal(rows[to - 1]));
  }

  function go(step) {
    show(step);
    try {
      history.replaceState(null, "", `#step=${now}`);
    } catch {
      // A page without an address of its own (srcdoc) has no place that could be linked.
    }
  }

  // Scrolls this page alone: a book that it stands in stays where its reader is.
  function toStage() {
    if (!wide.matches) scrollBy(0, byId("stage").getBoundingClientRect().top);
  }

  function fromAddress() {
    const named = /^#step=(\d+)$/.exec(location.hash);
    show(named ? Number(named[1]) : now || 1);
    toStage();
  }

  const MOVES = {
    ArrowRight: () => now + 1, ArrowDown: () => now + 1, j: () => now + 1,
    ArrowLeft: () => now - 1, ArrowUp: () => now - 1, k: () => now - 1,
    Home: () => 1, End: () => last,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(MOVES, event.key)) return;
    event.preventDefault();
    go(MOVES[event.key]());
  });
  byId("first").addEventListener("click", () => go(1));
  byId("back").addEventListener("click", () => go(now - 1));
  byId("forward").addEventListener("click", () => go(now + 1));
  byId("last").addEventListener("click", () => go(last));
  byId("slider").addEventListener("input", () => go(Number(byId("slider").value)));
  byId("list").addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row || event.target.closest("a") || String(getSelection())) return;
    go(Number(row.querySelector(".n").textContent));
    toStage();
  });
  addEventListener("hashchange", fromAddress);

  document.documentElement.classList.add("playing");
  // Where there is no script an address leads to its row. Here it leads to the step, and nothing else moves.
  for (const row of rows) row.removeAttribute("id");
  byId("stage").hidden = false;
  fromAddress();
})();
//]]>
