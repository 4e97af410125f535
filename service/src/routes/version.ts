import { json, type Route } from '../http/route.ts';
import type { Identity } from '../identity.ts';

/** GET /version: who answers. */
export function versionRoutes(identity: Identity): Route[] {
  return [
    {
      method: 'get',
      path: '/version',
      operation: {
        operationId: 'getVersion',
        summary: 'What runs, and where.',
        responses: { 200: json('The version.', { $ref: '#/components/schemas/Version' }) },
      },
      handlers: [(_request, response) => void response.json(identity)],
    },
  ];
}

export const versionSchema = {
  type: 'object',
  required: ['name', 'version', 'revision', 'environment', 'pod'],
  additionalProperties: false,
  properties: {
    name: { type: 'string' },
    version: { type: 'string' },
    revision: { type: 'string', description: 'The commit the image was built from.' },
    environment: { type: 'string' },
    pod: { type: 'string' },
  },
};
