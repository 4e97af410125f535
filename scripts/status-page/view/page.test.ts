import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raw } from 'hono/html';
import { examplePod, exampleState } from '../example-state.ts';
import type { PageState } from '../state.ts';
import { page, sections } from './page.ts';

function markup(state: PageState): string {
  return String(page(state, new Map([...sections(state)].map(([id, part]) => [id, raw(part)]))));
}

const hostile = `"><script>alert(1)</script><img src=x onerror='alert(1)'>`;

test('nothing that comes from the cluster or from Git becomes markup', () => {
  const pod = examplePod(hostile, { node: hostile, state: hostile, role: hostile, since: hostile });
  const object = { kind: hostile, namespace: hostile, name: hostile };
  const state = exampleState(() => ({
    sync: hostile,
    health: hostile,
    revision: hostile,
    subject: hostile,
    author: hostile,
    committed: hostile,
    image: hostile,
    url: `javascript:${hostile}`,
    problems: [hostile],
    pods: [pod],
    database: [pod],
    heals: [
      {
        environment: 'dev',
        object,
        fields: [{ path: hostile, wanted: hostile, drifted: { [hostile]: hostile } }],
        by: hostile,
        drifted: hostile,
        healed: hostile,
      },
    ],
  }));
  const text = markup({
    ...state,
    cluster: hostile,
    unreadable: [hostile],
    audit: {
      at: hostile,
      problem: hostile,
      findings: [
        { kind: 'policy', rule: hostile, severity: 'error', environment: hostile, object, message: hostile },
      ],
    },
    drills: [
      {
        drill: hostile,
        environment: hostile,
        started: hostile,
        passed: false,
        requests: 1,
        failed: 1,
        figures: { [hostile]: 1 },
        broken: [hostile],
        runs: 1,
        timeline: hostile,
      },
    ],
  });
  assert.doesNotMatch(text, /<script>alert|<img|onerror='/);
  assert.equal(text.match(/<script/g)?.length, 1);
});

test('an image is told with how it came there: from the Application, or from Git with its way', () => {
  const fromApplication = markup(exampleState(() => ({ imageFromApplication: true })));
  assert.match(fromApplication, /the Application says it, not Git/);
  const version = {
    digest: `sha256:${'a'.repeat(64)}`,
    revision: 'abc1234def',
    commit: 'c',
    author: 'Bea',
    committed: '2026-11-25T10:00:00Z',
    subject: 'pin',
    about: 'say it louder',
    ran: {},
    steps: [
      { what: 'committed', at: '2026-11-25T09:00:00Z', by: 'Ann' },
      { what: 'Healthy in dev', at: '2026-11-25T09:01:00Z' },
    ],
  };
  const fromGit = markup(exampleState(() => ({ version })));
  assert.match(fromGit, /built from <code>abc1234<\/code>: say it louder/);
  assert.match(fromGit, /<li>committed by Ann, <time class="moment" datetime="2026-11-25T09:00:00Z">/);
  // A version that Git names and the pods do not run yet is not what they run.
  const other = markup(exampleState(() => ({ version: { ...version, digest: 'sha256:b' } })));
  assert.doesNotMatch(other, /built from/);
});

test('of ten thousand pods and problems a page shows the first, and how many there are', () => {
  const pods = Array.from({ length: 30 }, (_, index) => examplePod(`quote-app-${index}`));
  const problems = Array.from({ length: 10_000 }, (_, index) => `quote-app-${index}: Pending`);
  const text = markup(exampleState(() => ({ pods, podCount: 10_000, problems })));
  assert.match(text, /Pods: 30 of 10000/);
  assert.match(text, /and 9988 more/);
  assert.ok(text.length < 200_000, `${text.length} characters`);
});

test("there is a link to Argo CD's UI where there is one, and to each environment in it", () => {
  const text = markup({ ...exampleState(), argocd: 'https://argocd.example' });
  assert.match(text, /<a href="https:\/\/argocd\.example">Argo CD<\/a>/);
  assert.match(text, /href="https:\/\/argocd\.example\/applications\/argocd\/prod"/);
  assert.doesNotMatch(markup(exampleState()), /Argo CD<\/a>/);
});

test('a part that did not change is the same text at another time, so that it is not sent again', () => {
  const of = (state: PageState) => [...sections(state)];
  assert.deepEqual(of(exampleState()), of(exampleState()));
  const changed = of(exampleState(({ environment }) => (environment === 'dev' ? { sync: 'OutOfSync' } : {})));
  const before = new Map(of(exampleState()));
  assert.deepEqual(
    changed.filter(([id, text]) => before.get(id) !== text).map(([id]) => id),
    ['summary', 'dev'],
  );
});
