import { html } from 'hono/html';
import type { AuditView } from '../audits.ts';
import { badge, type Html, moment, table } from './parts.ts';

/** How many findings are told; `npm run audit` tells all. */
const most = 50;

/** The audit's part of the page. */
export function auditSection({ at, findings, problem }: AuditView): Html {
  const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
  const verdict =
    problem !== undefined
      ? badge('not known', 'busy')
      : at === undefined
        ? badge('not yet', 'busy')
        : badge(findings.length === 0 ? 'no findings' : count, findings.length === 0 ? 'good' : 'bad');
  return html`<section id="audit" aria-labelledby="audit-title" class="card">
<h2 id="audit-title">Audit ${verdict}</h2>
<p>The live cluster against policies/ and against Git${at === undefined ? '' : html`, ${moment(at)}`}: <code>npm run audit</code>.</p>
${problem === undefined ? '' : html`<p class="problems">${problem}</p>`}
${table(
  `Findings${findings.length > most ? `: ${most} of ${findings.length}` : ''}`,
  ['Object', 'Environment', 'Rule', 'Finding'],
  findings
    .slice(0, most)
    .map(({ object, environment, rule, message }) => [
      html`${object.kind} ${object.name}`,
      html`${environment || object.namespace || '–'}`,
      html`<code>${rule}</code>`,
      html`${message}`,
    ]),
  at === undefined ? 'The first one comes within a minute.' : problem === undefined ? 'None.' : 'Not known.',
)}
</section>`;
}
