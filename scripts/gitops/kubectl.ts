import path from 'node:path';
import { execa } from 'execa';
import { goTools } from '../tools/go.ts';

/** Thrown when kubectl fails; the message is what kubectl said. */
export class KubectlError extends Error {
  override name = 'KubectlError';
  /** What it wrote to standard output all the same: of several kinds, those that it could get. */
  readonly output: string;

  constructor(message: string, output = '') {
    super(message);
    this.output = output;
  }
}

/** kubectl bound to one cluster. */
export interface Kubectl {
  /** Runs kubectl and returns its standard output. @throws {KubectlError} */
  (args: string[], input?: string): Promise<string>;
  /** Runs kubectl with `--output=json`; undefined when the object does not exist. @throws {KubectlError} */
  json<T>(args: string[]): Promise<T | undefined>;
  /** The value at a JSONPath of an object; '' where either is missing. @throws {KubectlError} */
  field(namespace: string, object: string, jsonpath: string): Promise<string>;
  /** Applies the objects on the server under our own field manager. @throws {KubectlError} */
  apply(manifest: string | object[]): Promise<string>;
}

/** Which cluster: a kubeconfig file, a context in it, or both; else kubectl's own defaults. */
export interface ClusterReference {
  kubeconfig?: string;
  context?: string;
}

/** Binds kubectl to a cluster: the pinned one, or for a cluster of the user's own the user's own, where there is one. */
export async function kubectlFor({ kubeconfig, context }: ClusterReference): Promise<Kubectl> {
  const own =
    context !== undefined && !(await execa('kubectl', ['version', '--client'], { reject: false })).failed;
  const program = own ? 'kubectl' : path.join(await goTools('cluster'), 'kubectl');
  const bound = [
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
    ...(context === undefined ? [] : [`--context=${context}`]),
  ];
  const run = async (args: string[], input?: string) => {
    const result = await execa(program, [...bound, ...args], {
      reject: false,
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
      maxBuffer: 200_000_000,
    });
    if (result.failed) {
      const said = result.stderr || result.shortMessage || 'no output';
      throw new KubectlError(`kubectl ${args.slice(0, 3).join(' ')}: ${said}`, result.stdout);
    }
    return result.stdout;
  };
  return Object.assign(run, {
    json: async <T>(args: string[]) => {
      const output = await run([...args, '--ignore-not-found', '--output=json']);
      return output === '' ? undefined : (JSON.parse(output) as T);
    },
    field: (namespace: string, object: string, jsonpath: string) => {
      const output = ['--ignore-not-found', `--output=jsonpath=${jsonpath}`];
      return run(['get', object, `--namespace=${namespace}`, ...output]);
    },
    apply: (manifest: string | object[]) => {
      const options = ['--server-side', '--force-conflicts', '--field-manager=quotes'];
      const text =
        typeof manifest === 'string'
          ? manifest
          : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifest });
      return run(['apply', ...options, '--filename=-'], text);
    },
  });
}
