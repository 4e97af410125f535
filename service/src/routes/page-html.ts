import { createHash } from 'node:crypto';
import type { Quote } from '../db/quotes.ts';
import { retryAfterSeconds } from '../http/problem.ts';
import type { Identity } from '../identity.ts';

const style = `
:root { color-scheme: light dark; --ground: #f6f3ec; --card: #fffdf8; --ink: #26231e; --soft: #6d665a; --line: #e2dccf; --accent: #a3472a; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #171614; --card: #201e1b; --ink: #ece7dc; --soft: #a39b8c; --line: #37332d; --accent: #f0997a; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100svh; padding: 1.5rem; display: grid; place-items: center; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: min(42rem, 100%); padding: clamp(1.5rem, 6vw, 3.5rem); background: var(--card); border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 1.5rem 3rem -2rem rgb(0 0 0 / 35%); }
figure { margin: 0; }
blockquote { margin: 0; font: clamp(1.4rem, 4.5vw, 2.1rem)/1.35 Georgia, 'Times New Roman', serif; text-wrap: balance; overflow-wrap: anywhere; }
blockquote::before { content: '\\201C'; display: block; height: 0.55em; font-size: 3em; line-height: 1; color: var(--accent); }
figcaption { margin-top: 1.25rem; color: var(--soft); overflow-wrap: anywhere; }
figcaption::before { content: '\\2014\\00A0'; }
nav { margin-top: 2.25rem; display: flex; flex-wrap: wrap; gap: 1.25rem; align-items: center; }
a { color: var(--accent); }
a.next { padding: 0.6rem 1.2rem; border-radius: 2rem; background: var(--accent); color: var(--card); font-weight: 600; text-decoration: none; }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
dl { margin: 2.25rem 0 0; padding-top: 1.25rem; border-top: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 0.4rem 1.75rem; font-size: 0.85rem; color: var(--soft); }
dl div { display: flex; gap: 0.45rem; }
dt::after { content: ':'; }
dd { margin: 0; color: var(--ink); font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
`;

const icon =
  "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><text y='21' x='1' font-size='26' font-family='Georgia' fill='%23a3472a'>“</text></svg>";

/** Nothing but our own style sheet and icon: no script, no frame, no form, no other origin. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Markup whose every inserted value was escaped. */
class Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A template that escapes what is inserted, unless it is Html already. */
function html(strings: TemplateStringsArray, ...values: readonly (string | number | Html)[]): Html {
  const markup = values.map((value) =>
    value instanceof Html
      ? value.markup
      : String(value).replaceAll(/[&<>"']/g, (found) => entities[found] ?? found),
  );
  return new Html(String.raw({ raw: strings }, ...markup));
}

/** The page around a quote, or around its absence where there is none. */
export function quotePage(quote: Quote | undefined, identity: Identity): string {
  if (quote === undefined) {
    return page('Quotes', new Html(''), html`<p>There are no quotes yet.</p>`, identity);
  }
  const content = html`<figure>
<blockquote>${quote.text}</blockquote>
<figcaption>${quote.author}</figcaption>
</figure>
<nav>
<a class="next" href="/?after=${quote.id}" rel="next">Next quote</a>
<a href="/api/quotes/${quote.id}">as JSON</a>
</nav>`;
  return page(`${quote.author} · Quotes`, new Html(''), content, identity);
}

/** The page while the database is away; it comes back by itself. */
export function awayPage(identity: Identity): string {
  const again = html`<meta http-equiv="refresh" content="${retryAfterSeconds}">`;
  const content = html`<h1>Just a moment</h1>
<p>The quotes are out of reach right now. This page tries again by itself.</p>`;
  return page('Just a moment · Quotes', again, content, identity);
}

function page(title: string, head: Html, content: Html, identity: Identity): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="${icon}">
${head}
<style>${new Html(style)}</style>
</head>
<body>
<main>
${content}
<dl>
<div><dt>Served by</dt><dd>${identity.pod}</dd></div>
<div><dt>Environment</dt><dd>${identity.environment}</dd></div>
<div><dt>Version</dt><dd>${identity.version}</dd></div>
</dl>
</main>
</body>
</html>
`.markup;
}
