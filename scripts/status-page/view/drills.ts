import { html } from 'hono/html';
import type { DrillView } from '../drills.ts';
import { badge, type Html, moment, table } from './parts.ts';

/** The drills' part of the page. */
export function drillsSection(drills: DrillView[]): Html {
  return html`<section id="drills" aria-labelledby="drills-title" class="card">
<h2 id="drills-title">Drills</h2>
<p>Failures caused on purpose under load, the last run of each: <code>npm run drill</code>.</p>
${table(
  'Last runs',
  ['Drill', 'Environment', 'Verdict', 'Requests', 'Failed', 'Measured', 'When', 'Timeline'],
  drills
    .toSorted((one, other) => (one.started < other.started ? 1 : -1))
    .map((run) => [
      html`${run.drill}`,
      html`${run.environment}`,
      html`${badge(run.passed ? 'held' : 'did not hold', run.passed ? 'good' : 'bad')}${run.broken.map((what) => html`<br>${what}`)}`,
      html`${run.requests}`,
      html`${run.failed}`,
      html`${Object.entries(run.figures).map(
        ([figure, seconds], index) =>
          html`${index === 0 ? '' : html`<br>`}${figure}: ${seconds.toFixed(1)} s`,
      )}`,
      moment(run.started),
      html`<a href="/drills/${run.timeline}" aria-label="timeline of ${run.drill}">timeline</a>`,
    ]),
  'None was run on this cluster.',
)}
</section>`;
}
