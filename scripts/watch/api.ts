import { type RequestOptions, request } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { ClusterReference } from '../gitops/kubectl.ts';

/** Thrown when the API server cannot be asked, or refuses; `status` is its HTTP status, where it answered. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** Reads of one cluster's API. */
export interface Api {
  config: KubeConfig;
  /** The body of a path below the API server, as text. @throws {ApiError} */
  text(path: string): Promise<string>;
  /** The same, parsed. @throws {ApiError} */
  json<T>(path: string): Promise<T>;
}

/**
 * Binds the reads to a cluster: a kubeconfig, a context of the user's, or, where neither is said, the cluster whose pod
 * this is.
 * @throws {ApiError} when there is no such context
 */
export function apiOf({ kubeconfig, context }: ClusterReference): Api {
  const config = new KubeConfig();
  if (kubeconfig !== undefined) {
    config.loadFromFile(kubeconfig);
  } else if (context !== undefined) {
    config.loadFromDefault();
  } else {
    config.loadFromCluster();
  }
  if (context !== undefined) {
    if (config.getContextObject(context) === null) {
      throw new ApiError(`kubectl knows no context ${context}: "kubectl config get-contexts" lists them.`);
    }
    config.setCurrentContext(context);
  }
  const text = (path: string) => get(config, path);
  return { config, text, json: async <T>(path: string) => JSON.parse(await text(path)) as T };
}

/** What `api.json` reads, undefined where the API server has no such thing. @throws {ApiError} */
export function findIn<T>(api: Api, path: string): Promise<T | undefined> {
  return api.json<T>(path).catch((error: ApiError) => {
    if (error.status === 404) return undefined;
    throw error;
  });
}

/** How long an answer may take in all, and how long it may be: a pod behind the API server's proxy may never end it. */
const [patience, longest] = [5000, 100 * 2 ** 20];

async function get(config: KubeConfig, path: string): Promise<string> {
  const server = config.getCurrentCluster()?.server ?? '';
  const options: RequestOptions = { headers: { accept: 'application/json, */*' } };
  await config.applyToHTTPSOptions(options);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const failed = (error: Error) => {
    const words =
      error.name === 'TimeoutError' || error.name === 'AbortError'
        ? `${path}: no answer in ${patience / 1000} s`
        : `${server} cannot be asked: ${error.message}`;
    reject(error instanceof ApiError ? error : new ApiError(words));
  };
  const outgoing = request(
    `${server}${path}`,
    { ...options, signal: AbortSignal.timeout(patience) },
    (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > longest) {
          outgoing.destroy(new ApiError(`${path}: more than ${longest} bytes`));
        }
        chunks.push(chunk);
      });
      answer.on('error', failed);
      answer.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const status = answer.statusCode ?? 0;
        if (status === 200) {
          resolve(body);
        } else {
          reject(new ApiError(`${path}: ${status} ${messageIn(body)}`, status));
        }
      });
    },
  );
  outgoing.on('error', failed);
  outgoing.end();
  return promise;
}

/** The API server says what is wrong in a Status. */
function messageIn(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? '';
  } catch {
    return body.slice(0, 200);
  }
}
