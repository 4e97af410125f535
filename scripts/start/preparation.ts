import { existsSync } from 'node:fs';
import { buildImages, buildSystemImages, imagesFolder } from '../cluster/images.ts';
import { clusterPackages, installPackages, requirePrerequisites } from '../prerequisites.ts';
import { type Plan, runPlan, type Step } from '../progress.ts';
import { goTools } from '../tools/go.ts';

/** Checks the machine and builds what a cluster starts from, where the cache lacks it. @throws {CannotRun} */
export async function prepare(): Promise<void> {
  await requirePrerequisites();
  await runPlan(await buildingPlan());
}

/** What is built once and then found in the cache. Empty when all is there. */
async function buildingPlan(): Promise<Plan> {
  const packages: Step = {
    title: 'Debian packages',
    usually: '1 s, 40 s the first time',
    run: (report) => installPackages(clusterPackages, report),
  };
  if (existsSync(await imagesFolder())) {
    // The images' key covers the programs' pins: with the images there, so were the programs.
    return [packages, { title: 'programs from the cache', usually: '1 s', run: buildPrograms }];
  }
  return [
    packages,
    [
      [{ title: 'Go programs, from source', usually: '12 min', run: buildPrograms }],
      [
        {
          title: 'images from Debian packages',
          usually: '2 min',
          run: (report) => buildSystemImages(report),
        },
      ],
    ],
    {
      title: 'images with the Go programs',
      usually: '30 s',
      run: async (report) => {
        await buildImages(report);
      },
    },
  ];
}

async function buildPrograms(report: (doing: string) => void): Promise<void> {
  await goTools('check', (count) => report(`kustomize, ${count} packages of about 500`));
  await goTools('cluster', (count) =>
    report(`Kubernetes, Argo CD and the rest, ${count} packages of about 4500`),
  );
  await goTools('local-path', (count) => report(`local-path-provisioner, ${count} packages`));
  await goTools('cloudnative-pg', (count) => report(`CloudNativePG, ${count} packages of about 1200`));
  await goTools('image-verifier');
  await goTools('barman-cloud', (count) => report(`its plug-in for backups, ${count} packages`));
  await goTools('object-store', (count) => report(`the object store, ${count} packages`));
}
