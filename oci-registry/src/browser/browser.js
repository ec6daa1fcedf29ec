"use strict";

// What is shown comes from whoever pushed it: it is text and never markup.
const content = document.getElementById("content");
const trail = document.getElementById("trail");
const status = document.getElementById("status");
const login = document.getElementById("login");

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

let basic = null;
const tokens = new Map();

function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const link = (href, text) => element("a", { href }, text);
const code = (text) => element("code", {}, text);

function table(caption, columns, rows) {
  const head = columns.map(([name, kind]) => element("th", { scope: "col", class: kind || "" }, name));
  const body = rows.map((row) =>
    element("tr", {}, ...row.map((cell, index) => element("td", { class: columns[index][1] || "" }, cell))));
  return element("div", { class: "scroll" }, element("table", {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body)));
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let number = Number(bytes) || 0;
  for (; number >= 1024 && unit < units.length - 1; unit += 1) number /= 1024;
  return `${unit === 0 ? number : number.toFixed(1)} ${units[unit]}`;
}

function time(text) {
  const date = new Date(text);
  if (!text || Number.isNaN(date.getTime())) return "";
  return element("time", { datetime: date.toISOString() }, date.toLocaleString());
}

function platform(of) {
  if (!of || !of.os) return "";
  return [of.os, of.architecture, of.variant, of["os.version"]].filter(Boolean).join("/");
}

// Asks the API, with what the challenge asks for, as far as the page has it.
async function ask(path, accept) {
  const scope = (path.match(/^\/v2\/(.+)\/(?:tags|manifests|blobs|referrers)\//) || [])[1] || "";
  const send = (authorization) => {
    const headers = accept ? { Accept: accept } : {};
    if (authorization) headers.Authorization = authorization;
    return fetch(path, { headers, credentials: "omit" });
  };
  let answer = await send(tokens.get(scope) || (tokens.size === 0 ? basic : null));
  if (answer.status === 401) {
    const authorization = await authorize(answer.headers.get("www-authenticate") || "", scope);
    if (authorization) answer = await send(authorization);
  }
  if (answer.status === 401 || answer.status === 403) {
    throw new Error(basic ? "You may not see this." : "Log in to see this.");
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Error(body.errors?.[0]?.message || `The registry answered with ${answer.status}.`);
  }
  return answer;
}

async function authorize(challenge, scope) {
  if (!/^bearer /i.test(challenge)) return basic;
  const parameter = (name) => (challenge.match(new RegExp(`${name}="([^"]*)"`)) || [])[1];
  const realm = new URL(parameter("realm"), location.href);
  // The password is for this registry alone.
  const headers = basic && realm.origin === location.origin ? { Authorization: basic } : {};
  realm.searchParams.set("service", parameter("service") || "");
  if (parameter("scope")) realm.searchParams.set("scope", parameter("scope"));
  const answer = await fetch(realm, { headers, credentials: "omit" }).catch(() => null);
  if (!answer || !answer.ok) return null;
  const token = await answer.json();
  const authorization = `Bearer ${token.token || token.access_token}`;
  tokens.set(scope, authorization);
  return authorization;
}

function next(answer) {
  const found = (answer.headers.get("link") || "").match(/<([^>]*)>;\s*rel="?next"?/);
  return found && new URL(found[1], location.href).pathname + new URL(found[1], location.href).search;
}

// A list that grows page by page.
async function list(path, title, none, entries) {
  const items = element("ul", {});
  const more = element("button", { type: "button", hidden: "" }, "Show more");
  let page = path;
  const load = async () => {
    const answer = await ask(page);
    const found = entries(await answer.json());
    items.append(...found.map((entry) => element("li", {}, entry)));
    page = next(answer);
    more.hidden = !page;
    if (!items.firstChild) items.replaceWith(element("p", {}, none));
  };
  more.addEventListener("click", () => load().catch(fail));
  await load();
  return [element("h1", {}, title), items, more];
}

const place = (name, rest) => `#/${name}${rest || ""}`;

const repositories = () => list("/v2/_catalog?n=100", "Repositories", "There are no repositories yet.",
  (page) => (page.repositories || []).map((name) => link(place(name), name)));

const tags = (name) => list(`/v2/${name}/tags/list?n=100`, name, "This repository has no tags.",
  (page) => (page.tags || []).map((tag) => link(place(name, `:${tag}`), tag)));

function command(text) {
  const copy = element("button", { type: "button", "aria-label": `Copy: ${text}`, onclick: async () => {
    await navigator.clipboard.writeText(text);
    status.textContent = "Copied.";
  } }, "Copy");
  return element("div", { class: "command" }, element("pre", {}, element("code", {}, text)), copy);
}

function facts(of) {
  const pairs = of.filter(([, value]) => value);
  return element("dl", {}, ...pairs.flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value)]));
}

function annotations(of) {
  const entries = Object.entries(of || {});
  if (entries.length === 0) return [];
  return [element("h2", {}, "Annotations"), facts(entries.map(([name, value]) => [name, code(String(value))]))];
}

function platforms(name, index) {
  const rows = (index.manifests || []).map((it) => [
    platform(it.platform) || it.artifactType || it.mediaType || "",
    link(place(name, `@${it.digest}`), code(it.digest)),
    size(it.size),
  ]);
  return [element("h2", {}, "Platforms"),
    table(`${rows.length} manifests`, [["Platform"], ["Digest"], ["Size", "number"]], rows)];
}

async function image(name, manifest) {
  let config = {};
  const isImage = /(image|container)\.(config|image)\.v1\+json$/.test(manifest.config?.mediaType || "");
  if (isImage && manifest.config.size <= 4 << 20) {
    config = await (await ask(`/v2/${name}/blobs/${manifest.config.digest}`)).json();
  }
  const layers = manifest.layers || [];
  const total = layers.reduce((sum, layer) => sum + (Number(layer.size) || 0), 0);
  const run = config.config || {};
  const parts = [element("h2", {}, "Image"), facts([
    ["Platform", platform(config)],
    ["Created", time(config.created)],
    ["Artifact type", manifest.artifactType],
    ["Entrypoint", run.Entrypoint && code(JSON.stringify(run.Entrypoint))],
    ["Command", run.Cmd && code(JSON.stringify(run.Cmd))],
    ["User", run.User],
    ["Size", size(total)],
  ])];
  // Steps of the history that made no layer have a row without one.
  const steps = config.history || layers.map(() => ({}));
  let layer = 0;
  const rows = steps.map((step) => {
    const made = step.empty_layer ? null : layers[layer];
    layer += step.empty_layer ? 0 : 1;
    return [made ? code(made.digest) : "no layer", made ? size(made.size) : "",
      code(step.created_by || step.comment || made?.annotations?.["org.opencontainers.image.title"] || "")];
  });
  for (const rest of layers.slice(layer)) rows.push([code(rest.digest), size(rest.size), ""]);
  parts.push(element("h2", {}, "Layers and history"),
    table(`${layers.length} layers, ${size(total)}`, [["Layer"], ["Size", "number"], ["Made by"]], rows));
  return parts;
}

async function referrers(name, digest) {
  const answer = await ask(`/v2/${name}/referrers/${digest}`).catch(() => null);
  const found = answer ? (await answer.json()).manifests || [] : [];
  if (found.length === 0) return [];
  const rows = found.map((it) => [it.artifactType || it.mediaType || "",
    link(place(name, `@${it.digest}`), code(it.digest)), size(it.size)]);
  return [element("h2", {}, "Referrers"),
    table("Manifests that refer to this one", [["Type"], ["Digest"], ["Size", "number"]], rows)];
}

async function manifest(name, separator, reference) {
  const answer = await ask(`/v2/${name}/manifests/${reference}`, MANIFESTS);
  const digest = answer.headers.get("docker-content-digest") || reference;
  const found = await answer.json();
  const address = `${location.host}/${name}${separator}${reference}`;
  return [
    element("h1", {}, `${name}${separator}${reference}`),
    facts([["Digest", code(digest)], ["Media type", code(answer.headers.get("content-type") || "")],
      ["Subject", found.subject && link(place(name, `@${found.subject.digest}`), code(found.subject.digest))]]),
    element("h2", {}, "Pull"),
    command(`podman pull ${address}`), command(`docker pull ${address}`),
    command(`skopeo copy docker://${address} oci:image`),
    ...(found.manifests ? platforms(name, found) : await image(name, found)),
    ...await referrers(name, digest),
    ...annotations(found.annotations),
  ];
}

function fail(error) {
  status.textContent = error.message;
}

function crumbs(of) {
  trail.replaceChildren(...of.map(([href, text], index) => {
    const crumb = link(href, text);
    if (index === of.length - 1) crumb.setAttribute("aria-current", "page");
    return element("li", {}, crumb);
  }));
}

let shown = 0;

async function show() {
  const turn = (shown += 1);
  const found = decodeURIComponent(location.hash).match(/^#\/([a-z0-9/._-]+)(?:([:@])([A-Za-z0-9:._+=-]+))?$/);
  const [, name, separator, reference] = found || [];
  const path = [["#/", "Repositories"]];
  if (name) path.push([place(name), name]);
  if (reference) path.push([location.hash, reference]);
  crumbs(path);
  document.title = `${reference ? `${name}${separator}${reference}` : name || "Repositories"} – Registry`;
  status.textContent = "Loading…";
  try {
    const parts = reference ? await manifest(name, separator, reference)
      : await (name ? tags(name) : repositories());
    // Another page may have been asked for meanwhile.
    if (turn !== shown) return;
    content.replaceChildren(...parts);
    status.textContent = "";
  } catch (error) {
    if (turn !== shown) return;
    content.replaceChildren(element("h1", {}, document.title));
    fail(error);
  }
  if (turn > 1) content.focus();
}

login.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const bytes = new TextEncoder().encode(`${form.get("user")}:${form.get("password")}`);
  basic = `Basic ${btoa(String.fromCharCode(...bytes))}`;
  tokens.clear();
  login.open = false;
  login.firstElementChild.textContent = form.get("user");
  event.target.reset();
  show();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
window.addEventListener("hashchange", show);
show();
