import path from 'node:path';
import { execa } from 'execa';
import { repoRoot } from '../paths.ts';
import { goTools, type ToolModule } from '../tools/go.ts';
import { moduleDir } from '../tools/go-modules.ts';
import { pauseImage } from './containerd.ts';

/** The folder with a folder a recipe. */
export const recipes = path.join(import.meta.dirname, 'images');
export const debian = 'docker.io/library/debian:bookworm-slim';
export const nodeImage = 'docker.io/library/node:26.10.0-bookworm-slim';

/** An upstream image that we build from Debian packages and Go modules under upstream's name. */
export interface Recipe {
  folder: string;
  image: string;
  /** Its first stage, `system`, needs no Go program: built while those compile. */
  system?: true;
  /** Extra folders for the recipe; asked for only when the image is built. */
  contexts?: () => Promise<Record<string, string>>;
  arguments?: () => Promise<Record<string, string>>;
}

/** The Go modules whose programs the recipes copy. */
export const imageTools = ['check', 'cluster', 'local-path', 'cloudnative-pg', 'barman-cloud'] as const;

const toolsOf = (module: ToolModule) => async () => ({ [`${module}-tools`]: await goTools(module) });
const clusterTools = toolsOf('cluster');

/** What needs no Go program: built while those compile. */
export const systemImages: Recipe[] = [
  {
    folder: 'node',
    image: nodeImage,
    contexts: async () => ({
      certificates: '/etc/ssl/certs',
      node: path.join(repoRoot, `node_modules/node-${process.platform}-${process.arch}`),
      npm: await npmFolder(),
    }),
    arguments: async () => ({ NPM_REGISTRY: (await execa('npm', ['config', 'get', 'registry'])).stdout }),
  },
  { folder: 'postgres', image: 'docker.io/library/postgres:15-bookworm' },
  {
    folder: 'cloudnative-pg-postgres',
    image: 'ghcr.io/cloudnative-pg/postgresql:15-minimal-bookworm',
  },
  { folder: 'haproxy', image: 'docker.io/library/haproxy:2.6-bookworm' },
  { folder: 'redis', image: 'public.ecr.aws/docker/library/redis:8.2.3-alpine' },
  { folder: 'pause', image: pauseImage, contexts: async () => ({ 'host-programs': '/usr/bin' }) },
];

export const programImages: Recipe[] = [
  {
    folder: 'argocd',
    image: 'quay.io/argoproj/argocd:v3.5.7',
    system: true,
    contexts: async () => ({
      ...(await clusterTools()),
      'check-tools': await goTools('check'),
      'argocd-source': await moduleDir('cluster', 'github.com/argoproj/argo-cd/v3'),
    }),
  },
  { folder: 'coredns', image: 'registry.k8s.io/coredns/coredns:v1.14.7', contexts: clusterTools },
  {
    folder: 'metrics-server',
    image: 'registry.k8s.io/metrics-server/metrics-server:v0.9.0',
    contexts: clusterTools,
  },
  {
    folder: 'local-path-provisioner',
    image: 'docker.io/rancher/local-path-provisioner:v0.0.30',
    contexts: toolsOf('local-path'),
  },
  {
    folder: 'cloudnative-pg',
    image: 'ghcr.io/cloudnative-pg/cloudnative-pg:1.30.1',
    contexts: toolsOf('cloudnative-pg'),
  },
  {
    folder: 'barman-cloud',
    image: 'ghcr.io/cloudnative-pg/plugin-barman-cloud:v0.14.0',
    contexts: toolsOf('barman-cloud'),
  },
  {
    folder: 'barman-cloud-sidecar',
    image: 'ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.14.0',
    system: true,
    contexts: toolsOf('barman-cloud'),
  },
];

/** local-path's helper pods only need a shell, mkdir and rm: Debian serves under busybox's name. */
export const helperImage = 'docker.io/library/busybox:latest';

/** The names, without tags, of all that the cluster builds for itself under upstream's names. */
export const stockedRepositories = [
  ...new Set(
    [...systemImages, ...programImages, { image: helperImage }].map(({ image }) =>
      image.replace(/:[^:/]+$/, ''),
    ),
  ),
];

async function npmFolder(): Promise<string> {
  const fromNpm = process.env.npm_execpath;
  if (fromNpm?.endsWith('bin/npm-cli.js')) {
    return path.dirname(path.dirname(fromNpm));
  }
  return path.join((await execa('npm', ['root', '--global'])).stdout, 'npm');
}
