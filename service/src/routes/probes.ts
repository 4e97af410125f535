import { Problem } from '../http/problem.ts';
import { json, problem, type Route } from '../http/route.ts';
import type { Lifecycle } from '../lifecycle.ts';

const state = {
  type: 'object',
  required: ['status'],
  additionalProperties: false,
  properties: { status: { const: 'ok' } },
};

/** Who asks while it starts hears it at once when it is ready: kubelet asks again a second later. Below its patience. */
const startingMs = 1000;

/** GET /livez and /readyz: what the kubelet asks. */
export function probeRoutes(lifecycle: Lifecycle): Route[] {
  return [
    {
      method: 'get',
      path: '/livez',
      operation: {
        operationId: 'getLiveness',
        summary: 'Whether the process runs. Asks nothing downstream; true while draining.',
        responses: { 200: json('It runs.', state) },
      },
      handlers: [(_request, response) => void response.json({ status: 'ok' })],
    },
    {
      method: 'get',
      path: '/readyz',
      operation: {
        operationId: 'getReadiness',
        summary: 'Whether to send requests here: from the first complete schema on, until SIGTERM.',
        responses: { 200: json('Send.', state), 503: problem('Do not send.') },
      },
      handlers: [
        async (_request, response) => {
          await lifecycle.started(startingMs);
          if (lifecycle.draining) throw new Problem(503, 'draining: this pod is about to end');
          if (!lifecycle.ready) throw new Problem(503, 'starting: the database has not been reached yet');
          response.json({ status: 'ok' });
        },
      ],
    },
  ];
}
