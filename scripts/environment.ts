import { CannotRun } from './cli.ts';

/** The environments, in the order in which a change travels: policies/environments.yaml says the same to the check. */
export const environments = ['dev', 'staging', 'prod'] as const;

/** An environment's name: its overlay's folder, its namespace, its project and its Application. */
export type Environment = (typeof environments)[number];

/**
 * The environment of a name that a user gave.
 * @param said what names it, such as `--write`
 * @throws {CannotRun} when there is none
 */
export function environmentNamed(name: string | undefined, said: string): Environment {
  const environment = environments.find((candidate) => candidate === name);
  if (environment === undefined) {
    const given =
      name === undefined ? `${said}: which environment?` : `${said} ${name}: no such environment.`;
    throw new CannotRun(`${given} There are ${environments.join(', ')}.`);
  }
  return environment;
}
