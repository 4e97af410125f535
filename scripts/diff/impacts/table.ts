import { immutableRules } from './immutable.ts';
import type { ImpactRule } from './impact.ts';
import { metadataRules, sameRules } from './metadata.ts';
import { hookRules, networkRules } from './network.ts';
import { rolloutRules, scaleRules } from './pods.ts';
import { wholeObjectRules } from './whole-objects.ts';

/** Every rule. The first that matches a change says what it does, and one matches each. */
export const impactRules: readonly ImpactRule[] = [
  ...wholeObjectRules,
  ...sameRules,
  ...hookRules,
  ...networkRules,
  ...metadataRules,
  ...scaleRules,
  ...immutableRules,
  ...rolloutRules,
  {
    id: 'status',
    impact: 'none',
    on: 'changed',
    fields: ['status'],
    why: 'Controllers write it, and no manifest.',
  },
  { id: 'config', impact: 'config', on: 'changed', why: 'What reads it behaves by it from then on.' },
];
