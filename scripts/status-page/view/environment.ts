import { html } from 'hono/html';
import type { Json } from '../../check/model.ts';
import { shorten } from '../../columns.ts';
import { called } from '../../release/versions.ts';
import type { Heal } from '../heals.ts';
import { mostAsked } from '../pod-metrics.ts';
import type { EnvironmentView, PodView } from '../state.ts';
import { age, badge, type Html, listed, moment, table } from './parts.ts';

/** How many problems and heals are told; the others are counted. */
const most = { problems: 12, heals: 5 };

/** An environment's part of the page. `argocd` is where Argo CD's UI is. */
export function environmentSection(view: EnvironmentView, argocd: string | undefined): Html {
  const { environment, url, sync, health, replicas, problems, pods, podCount, database } = view;
  const name = url === undefined ? environment : html`<a href="${url}">${environment}</a>`;
  return html`<section id="${environment}" aria-labelledby="${environment}-title" class="card">
<h2 id="${environment}-title">${name} ${badge(sync, sync === 'Synced' ? 'good' : 'bad')} ${badge(
    health,
    health === 'Healthy' ? 'good' : health === 'Progressing' ? 'busy' : 'bad',
  )}${
    argocd === undefined
      ? ''
      : html` <small><a href="${argocd}/applications/argocd/${environment}">${environment} in Argo CD</a></small>`
  }</h2>
${
  problems.length === 0
    ? ''
    : html`<h3>Problems</h3>${listed(
        problems.map((problem) => html`${problem}`),
        most.problems,
        'problems',
      )}`
}
<dl>
<dt>Revision</dt><dd>${revision(view)}</dd>
<dt>Image</dt><dd>${image(view)}</dd>
<dt>Requests</dt><dd>${requests(view)}</dd>
<dt>Replicas</dt><dd>${replicas.ready} of ${replicas.wanted} ready</dd>
</dl>
${table(
  `Pods${podCount > pods.length ? `: ${pods.length} of ${podCount}` : ''}`,
  ['Pod', 'Node', 'State', 'Age', 'Req/s'],
  pods.map((pod) => [
    ...podCells(pod),
    html`${pod.requests === undefined ? '–' : pod.requests.perSecond.toFixed(1)}`,
  ]),
  'No pods.',
)}
${table(
  'Postgres',
  ['Instance', 'Node', 'State', 'Age', 'Role', 'Behind'],
  database.map((pod) => [
    ...podCells(pod),
    html`${pod.role ?? 'the only one'}`,
    html`${pod.lag === undefined ? '–' : `${pod.lag.toFixed(1)} s`}`,
  ]),
  'No Postgres in this namespace.',
)}
<h3>Recent heals</h3>
${
  view.heals.length === 0
    ? html`<p class="none">None.</p>`
    : listed(view.heals.map(heal), most.heals, 'heals')
}
</section>`;
}

function revision({ revision, subject, author, committed }: EnvironmentView): Html {
  if (revision === undefined) {
    return html`Argo CD has compared it with none yet`;
  }
  const about =
    subject === undefined
      ? ''
      : html` ${subject}<br><small>${author}, ${committed === undefined ? '' : moment(committed)}</small>`;
  return html`<code>${revision.slice(0, 7)}</code>${about}`;
}

function image({ image, imageFromApplication, version }: EnvironmentView): Html {
  if (image === undefined) {
    return html`none`;
  }
  const short = image
    .split('/')
    .at(-1)
    ?.replace(/(sha256:.{12}).*/, '$1');
  if (imageFromApplication) {
    return html`<code>${short}</code><br><small>from the checkout that npm start ran in: the Application says it, not Git</small>`;
  }
  if (version === undefined || !image.endsWith(version.digest)) {
    return html`<code>${short}</code>`;
  }
  const about = version.about === undefined ? '' : html`: ${version.about}`;
  return html`<code>${short}</code><br>built from <code>${called(version)}</code>${about}
<ol class="steps">${version.steps.map(
    ({ what, at, by }) => html`<li>${what}${by === undefined ? '' : ` by ${by}`}, ${moment(at)}</li>`,
  )}</ol>`;
}

function requests({ requests, isSample }: EnvironmentView): Html {
  if (requests === undefined) {
    return html`not known`;
  }
  const { perSecond, failedPerSecond, p95 } = requests;
  const share = perSecond === 0 ? 0 : (100 * failedPerSecond) / perSecond;
  const failed = `${share.toFixed(share > 0 && share < 1 ? 2 : 0)} % of them failed`;
  return html`${perSecond.toFixed(1)} a second, ${
    failedPerSecond > 0 ? html`<span class="failing">${failed}</span>` : failed
  }${p95 === undefined ? '' : `, 95 of 100 within ${Math.ceil(1000 * p95)} ms`}${
    isSample ? ` (of ${mostAsked} pods)` : ''
  }`;
}

function podCells({ name, node, state, ready, restarts, since }: PodView): Html[] {
  const word = state === 'Running' && !ready ? 'not ready' : state;
  const busy = ['Pending', 'ContainerCreating', 'PodInitializing', 'Terminating'];
  const mood = ready && state === 'Running' ? 'good' : busy.includes(word) ? 'busy' : 'bad';
  const often = restarts === 0 ? '' : html` <small>${restarts}× restarted</small>`;
  return [html`${name}`, html`${node || '–'}`, html`${badge(word, mood)}${often}`, age(since)];
}

function heal({ object, fields, by, drifted, healed }: Heal): Html {
  const seconds = (Date.parse(healed) - Date.parse(drifted)) / 1000;
  const who = by === '' ? '' : ` by ${by}`;
  const changes = fields
    .slice(0, 3)
    .map(
      ({ path, wanted, drifted }) =>
        html`<code>${path}</code> was ${value(wanted)}, became ${value(drifted)}; `,
    );
  const more = fields.length > 3 ? `${fields.length - 3} fields more; ` : '';
  const what = fields.length === 0 ? html`was deleted${who}; ` : html`changed${who}: ${changes}${more}`;
  return html`<strong>${object.kind} ${object.name}</strong> ${what}healed in ${seconds.toFixed(1)} s, ${moment(healed)}`;
}

function value(json: Json | undefined): Html {
  return json === undefined ? html`not there` : html`<code>${shorten(JSON.stringify(json), 80)}</code>`;
}
