"use strict";
(() => {
  const all = (s, from = document) => [...from.querySelectorAll(s)];
  const steps = all(".steps > li");
  const now = document.querySelector(".now");
  if (!now || !steps.length) return;
  const bar = document.querySelector(".bar");
  const [back, next] = all("button", bar);
  const part = (s) => now.querySelector(s);
  let at = -1;

  now.hidden = bar.hidden = false;
  document.body.classList.add("scripted");

  const marked = () => all(".on, .near, .here, .b:not(.now)");
  const mark = (list, ...names) => list.forEach((x) => x.classList.add(...names));

  const visible = (e) => e.getBoundingClientRect().bottom > 0;

  function scroll(graph, node) {
    const g = graph.getBoundingClientRect(), n = node.getBoundingClientRect();
    if (n.left < g.left + 40 || n.right > g.right - 40) graph.scrollLeft += n.left - g.left - (g.width - n.width) / 2;
  }

  function light(step, backward) {
    const v = step.dataset.v, kind = backward ? ["b"] : [];
    all("details.inside").forEach((d) => {
      const inside = d.dataset.v.split(" ").includes(v);
      if (inside && !d.open) { d.open = true; d.dataset.auto = "1"; }
      if (!inside && d.dataset.auto) { d.open = false; delete d.dataset.auto; }
    });
    const nodes = all(`.cr-node[data-v~="${v}"]`);
    const edges = all(backward ? `.cr-bw[data-a~="${v}"]` : `.cr-fw[data-b~="${v}"]`);
    const ends = new Set(edges.flatMap((e) => (backward ? e.dataset.b : e.dataset.a).split(" ")));
    ends.delete(v);
    ends.forEach((u) => mark(all(`.cr-node[data-v="${u}"]`), "near", ...kind));
    mark(nodes, "on", ...kind);
    mark(edges, "on");
    mark(all(`.cards [data-v="${v}"]`), "here");
    nodes.forEach((n) => { const g = n.closest(".graph"); if (g && g.offsetParent) scroll(g, n); });
    const line = step.dataset.l && document.getElementById(step.dataset.l);
    if (line) {
      mark([line], "here", ...kind);
      const code = line.closest(".code");
      code.scrollTop += line.getBoundingClientRect().top - code.getBoundingClientRect().top - code.clientHeight / 2;
    }
  }

  function show(i, reveal = true) {
    if (i < 0 || i >= steps.length) return;
    at = i;
    const step = steps[i], backward = !!step.closest(".backward");
    marked().forEach((x) => x.classList.remove("on", "near", "here", "b"));
    document.body.classList.add("walking");
    mark([step], "here");
    light(step, backward);
    now.classList.toggle("b", backward);
    bar.querySelector(".count").textContent = bar.dataset.step.replace("{0}", i + 1);
    part(".phase").textContent = step.closest("section").querySelector("h2").textContent;
    part(".live .say").textContent = `${step.dataset.t} — ${step.querySelector(".say").textContent}`;
    part(".show").replaceChildren(...all(".eq, .value", step).map((x) => x.cloneNode(true)));
    back.disabled = i === 0;
    next.disabled = i === steps.length - 1;
    if (reveal && !visible(document.querySelector(".stage"))) step.scrollIntoView({ block: "nearest" });
  }

  back.disabled = true;
  bar.querySelector(".count").textContent = bar.dataset.step.replace("{0}", 0);
  back.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => show(at + 1));
  document.addEventListener("keydown", (e) => {
    if (e.altKey || e.ctrlKey || e.metaKey || e.shiftKey || e.target.closest("input, .graph")) return;
    if (e.key === "ArrowRight") show(at + 1);
    else if (e.key === "ArrowLeft") show(at - 1);
    else return;
    e.preventDefault();
  });
  steps.forEach((s, i) => s.addEventListener("click", () => { if (!String(getSelection())) show(i, false); }));
  all(".cr-node").forEach((n) => n.addEventListener("click", () => {
    if (n.dataset.m) {
      const inside = document.querySelector(`details[data-m="${n.dataset.m}"]`);
      if (inside) { inside.open = true; delete inside.dataset.auto; inside.scrollIntoView({ block: "nearest" }); }
      else { const open = document.getElementById("m-opened"); if (open) open.checked = true; }
      return;
    }
    const mine = steps.map((s, i) => [s, i]).filter(([s]) => s.dataset.v === n.dataset.v).map(([, i]) => i);
    if (mine.length) show(mine[(mine.indexOf(at) + 1) % mine.length]);
  }));
  all(".noticed a").forEach((a) => a.addEventListener("click", () => {
    show(steps.findIndex((s) => `#${s.id}` === a.hash), false);
  }));
  addEventListener("beforeprint", () => all("details").forEach((d) => { d.open = true; }));
})();
