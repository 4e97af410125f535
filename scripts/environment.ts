/** The environments, in the order in which a change travels: policies/environments.yaml says the same to the check. */
export const environments = ['dev', 'staging', 'prod'] as const;

/** An environment's name: its overlay's folder, its namespace, its project and its Application. */
export type Environment = (typeof environments)[number];
