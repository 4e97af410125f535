import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Drill, passed, type Result } from './drill.ts';
import type { Answer } from './load.ts';
import { asJson, verdict } from './report.ts';
import { timeline } from './timeline.ts';

const answer = (at: number, changed: Partial<Answer> = {}): Answer => ({
  at,
  took: 5,
  status: 200,
  error: '',
  pod: 'quote-app-1',
  connection: 'kept',
  ...changed,
});

const failure = answer(1500, { status: 0, error: 'ECONNRESET', pod: '', connection: 'fresh' });

const drill: Drill = {
  name: 'pod-kill',
  environment: 'prod',
  cause: 'a pod is deleted',
  holds: 'no request fails',
  usually: '20 s',
  goal: { figure: 'deleted → capacity', seconds: 2 },
  run: () => Promise.reject(new Error('not here')),
};

const result: Result = {
  drill: 'pod-kill',
  environment: 'prod',
  started: '2026-11-24T12:00:00.000Z',
  seconds: 4,
  figures: { 'deleted → capacity': 1.25 },
  held: [{ what: 'the pod is replaced', holds: true }],
  events: [{ at: 1200, text: 'deleted <quote-app-1>' }],
  answers: [answer(100), answer(1100, { pod: 'quote-app-2' }), answer(2000)],
  failed: [],
};

test('a run in which all held and nothing failed has passed, whatever its figures', () => {
  assert.ok(passed({ ...result, figures: { 'deleted → capacity': 60 } }));
  assert.ok(!passed({ ...result, failed: [failure] }));
  assert.ok(!passed({ ...result, held: [{ what: 'x', holds: false }] }));
  assert.ok(!passed({ ...result, error: 'no capacity within 120 s' }));
});

test('the verdict tells figures beside their goals, what held, and which requests failed, when and why', () => {
  assert.equal(
    verdict(drill, { ...result, answers: [...result.answers, failure], failed: [failure] }),
    `✗ pod-kill: a pod is deleted; no request fails
    deleted → capacity: 1.3 s (goal: 2 s)
    ✓ the pod is replaced
    4 requests, 1 failed; median 5 ms, slowest 5 ms
      1.5 s, fresh connection: ECONNRESET`,
  );
});

test('the JSON has each second with its answers by pod', () => {
  const { perSecond, requests } = asJson(result) as { perSecond: object[]; requests: number };
  assert.equal(requests, 3);
  assert.deepEqual(perSecond[1], {
    second: 1,
    answers: 1,
    failed: 0,
    slowest: 5,
    byPod: { 'quote-app-2': 1 },
  });
});

test('the picture has a bar a pod and second, failures, and what happened, as text that is only text', () => {
  const svg = timeline({ ...result, answers: [...result.answers, failure], failed: [failure] });
  assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.match(svg, /<title>second 1: failed<\/title>/);
  assert.match(svg, /<title>second 1: quote-app-2<\/title>/);
  assert.match(svg, /1\. 1\.2 s {2}deleted &lt;quote-app-1&gt;/);
});
