import { html } from 'hono/html';
import { isFine } from '../../gitops/status.ts';
import type { PageState } from '../state.ts';
import { auditSection } from './audit.ts';
import { drillsSection } from './drills.ts';
import { environmentSection } from './environment.ts';
import { badge, type Html } from './parts.ts';

/** The page's parts by their ids. Each is sent anew when its text changes. */
export function sections(state: PageState): Map<string, string> {
  const parts: [string, Html][] = [
    ['summary', summary(state)],
    ...state.environments.map((view): [string, Html] => [
      view.environment,
      environmentSection(view, state.argocd),
    ]),
    ...(state.audit === undefined ? [] : [['audit', auditSection(state.audit)] as [string, Html]]),
    ['drills', drillsSection(state.drills)],
  ];
  return new Map(parts.map(([id, part]) => [id, String(part)]));
}

/** The whole page, with all there is to know without JavaScript. `parts` are of {@link sections}. */
export function page(state: PageState, parts: Map<string, Html>): Html {
  const names = state.environments.map(({ environment }) => environment);
  const others = [...parts.keys()].filter((id) => id === 'audit' || id === 'drills');
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Quotes: ${state.cluster}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
<noscript><meta http-equiv="refresh" content="10"></noscript>
</head>
<body>
<a class="skip" href="#main">To the environments</a>
<header>
<h1>Quotes <small>${state.cluster}</small></h1>
<p id="connection" role="status"></p>
<nav aria-label="Parts of this page">${[...names, ...others].map((id) => html`<a href="#${id}">${id}</a> `)}${
    state.argocd === undefined ? '' : html`<a href="${state.argocd}">Argo CD</a>`
  }</nav>
</header>
<main id="main">
${parts.get('summary')}
<div class="environments">${names.map((name) => parts.get(name))}</div>
${others.map((id) => parts.get(id))}
</main>
<footer><p>Read-only. <a href="/state.json">The same as JSON</a>, <a href="/metrics">metrics</a>.</p></footer>
</body>
</html>`;
}

function summary({ environments, unreadable, unseen, objects }: PageState): Html {
  const wrong = environments.filter((view) => !isFine(view));
  const verdict =
    unreadable.length > 0
      ? badge('The cluster cannot be read', 'bad')
      : wrong.length === 0
        ? badge('All Synced and Healthy', 'good')
        : badge(`${wrong.map(({ environment }) => environment).join(', ')}: see below`, 'bad');
  return html`<section id="summary" aria-label="Summary">
<p>${verdict} <small>${objects} objects watched${unseen.length === 0 ? '' : `, without ${unseen.join(', ')}`}</small></p>
${unreadable.length === 0 ? '' : html`<ul class="problems">${unreadable.map((problem) => html`<li>${problem}. What is shown is what was last seen.</li>`)}</ul>`}
</section>`;
}
