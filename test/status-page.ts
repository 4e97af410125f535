import assert from 'node:assert/strict';
import path from 'node:path';
import type { TestContext } from 'node:test';
import axe from 'axe-core';
import { execa } from 'execa';
import type { Browser, Page } from 'playwright-core';
import { environments } from '../scripts/environment.ts';
import { repoRoot } from '../scripts/paths.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { launchBrowser } from '../scripts/status-page/browser.ts';
import { looks } from '../scripts/status-page/looks.ts';
import type { PageState } from '../scripts/status-page/state.ts';
import { until } from '../scripts/until.ts';

/** How long a state change may take to be seen before a test ends, in milliseconds. What it takes is a diagnostic. */
const patience = 30_000;

/** The status page of a cluster as people meet it: in a browser. */
export function statusPage(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  /** Opens the page, live, and fails for whatever a browser complains of. */
  const browse = async (holds: (browser: Browser, url: string) => Promise<void>) => {
    const browser = await launchBrowser();
    try {
      await holds(browser, rehearsal().urls.statusPage);
    } finally {
      await browser.close();
    }
  };

  promise('what changes in the cluster is on the open page without a reload', (t) =>
    browse(async (browser, url) => {
      const { page, complaints, loads } = await open(browser, url);
      const dev = page.locator('#dev');
      await dev.getByText('Synced').first().waitFor({ timeout: patience });
      const healed = (text: string) => dev.locator('.heals li', { hasText: text }).first();
      const pods = dev.locator('table').first().locator('tbody tr');
      await until('one pod', async () => (await pods.count()) === 1);

      const { edit, push, revert, kubectl } = rehearsal();
      const seen = async (what: string, change: () => Promise<unknown>, shows: () => Promise<unknown>) => {
        const begun = performance.now();
        await change();
        const changed = performance.now();
        await shows();
        const took = (performance.now() - changed) / 1000;
        t.diagnostic(
          `${what}: seen ${took.toFixed(2)} s after (the change took ${((changed - begun) / 1000).toFixed(2)} s)`,
        );
      };
      await edit('overlays/dev/kustomization.yaml', 'count: 1', 'count: 2');
      await seen(
        'a push of two replicas',
        () => push('the page shows two replicas'),
        () => dev.getByText('the page shows two replicas').waitFor({ timeout: patience }),
      );
      await dev.getByText('2 of 2 ready').waitFor({ timeout: patience });
      const scale = ['scale', 'deployment/quote-app', '--namespace=dev', '--replicas=3'];
      await seen(
        'a scale by hand, healed',
        () => kubectl(scale),
        () => healed('spec.replicas was 2, became 3').waitFor({ timeout: patience }),
      );
      assert.match(
        (await dev.locator('.heals li').first().textContent()) ?? '',
        /Deployment quote-app changed by kubectl\S*: spec\.replicas was 2, became 3; healed in/,
      );
      await seen(
        'a deleted Service, made again',
        () => kubectl(['delete', 'service/quote-app', '--namespace=dev']),
        () => healed('Service quote-app was deleted').waitFor({ timeout: patience }),
      );
      const [name = ''] = (await pods.first().locator('th').allTextContents()) ?? [];
      await seen(
        'a deleted pod, no longer there',
        () => kubectl(['delete', `pod/${name}`, '--namespace=dev', '--wait=false']),
        () => dev.getByText('Terminating').first().waitFor({ timeout: patience }),
      );
      await revert();
      await dev.getByText('1 of 1 ready').waitFor({ timeout: patience });
      assert.equal(loads(), 1, 'it was loaded once');
      assert.deepEqual(complaints, []);
    }),
  );

  promise('the page tells of requests, of roles and lag of the database, and of the audit', () =>
    browse(async (browser, url) => {
      const { page } = await open(browser, url);
      const prod = page.locator('#prod');
      await prod.getByText(/a second, .* of them failed/).waitFor({ timeout: patience });
      await prod.getByText('primary', { exact: true }).waitFor({ timeout: patience });
      await prod
        .getByText(/^\d+\.\d s$/)
        .first()
        .waitFor({ timeout: patience });
      await page.locator('#audit').getByText('no findings').waitFor({ timeout: 180_000 });
    }),
  );

  promise('without JavaScript the page has the whole state', () =>
    browse(async (browser, url) => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(url);
      for (const environment of environments) {
        const text = (await page.locator(`#${environment}`).textContent()) ?? '';
        assert.match(text, /Synced/);
        assert.match(text, /quote-app-\w+/);
        assert.match(text, /postgres-/);
      }
    }),
  );

  promise(
    'it fits a phone, a tablet and a desk, in light and dark, and an accessibility audit finds nothing',
    () =>
      browse(async (browser, url) => {
        for (const { name, width, height, colorScheme } of looks) {
          const { page, complaints } = await open(browser, url, { width, height }, colorScheme);
          const overflow = 'document.scrollingElement.scrollWidth - document.documentElement.clientWidth';
          assert.equal(await page.evaluate(overflow), 0, `${name} scrolls sideways`);
          // Through the debugger's door: the page's own policy lets no script of another's in.
          await page.evaluate(axe.source);
          const found = (await page.evaluate('axe.run()')) as {
            violations: { id: string; nodes: object[] }[];
          };
          assert.deepEqual(
            found.violations.map(({ id, nodes }) => `${id}: ${JSON.stringify(nodes).slice(0, 500)}`),
            [],
            name,
          );
          assert.deepEqual(complaints, []);
          await page.close();
        }
      }),
  );

  promise('as an Application it shows the same, with rights to read and no more', async () => {
    const { command, edit, push, revert, field, kubectl } = rehearsal();
    const { digest } = JSON.parse(await command('image', '--page', '--json')) as { digest: string };
    await edit('status-page/kustomization.yaml', 'newTag: latest', `digest: ${digest}`);
    const forge = '--statuses=http://10.88.0.1:3000/repos/quotes/quotes';
    await edit('status-page/deployment.yaml', 'args: [--in-cluster', `args: [${forge}, --in-cluster`);
    // Other forges than the embedded cluster's are at 443.
    await edit('status-page/network-policy.yaml', '- port: 6443\n', '- port: 6443\n        - port: 3000\n');
    await edit('apps/kustomization.yaml', '  - prod.yaml\n', '  - prod.yaml\n  - status-page\n');
    await push('the status page, in the cluster');
    try {
      const status = '{.status.sync.status} {.status.health.status}';
      await until(
        'the Application well',
        async () => {
          return (await field('argocd', 'application/status-page', status)) === 'Synced Healthy';
        },
        180,
      );
      const route = '/api/v1/namespaces/status-page/services/http:status-page:http/proxy/state.json';
      const read = async () => JSON.parse(await kubectl(['get', '--raw', route])) as PageState;
      await until('the figures of prod', async () => {
        const prod = (await read()).environments.find(({ environment }) => environment === 'prod');
        return prod?.requests !== undefined && prod.database.some(({ lag }) => lag !== undefined);
      });
      const state = await read();
      assert.deepEqual(state.unreadable, []);
      assert.deepEqual(
        state.environments.map(({ environment, sync, subject, pods }) => [
          environment,
          sync,
          subject,
          pods.length > 0,
        ]),
        environments.map((environment) => [environment, 'Synced', 'the status page, in the cluster', true]),
      );
      const as = '--as=system:serviceaccount:status-page:status-page';
      for (const right of [
        'list secrets',
        'get pods --subresource=proxy',
        'get pods --subresource=log',
        'create pods',
        'patch deployments.apps',
        'delete applications.argoproj.io',
      ]) {
        const asked = ['auth', 'can-i', ...right.split(' '), '--all-namespaces', as];
        // Its exit code says no, too.
        assert.equal((await kubectl(asked).catch(() => 'no')).trim(), 'no', right);
      }
    } finally {
      await revert();
      // The root Application prunes nothing.
      for (const object of [
        'application/status-page --namespace=argocd',
        'appproject/status-page --namespace=argocd',
        'namespace/status-page',
        'clusterrolebinding/status-page',
        'clusterrole/status-page',
      ]) {
        await kubectl(['delete', ...object.split(' '), '--ignore-not-found']);
      }
    }
  });

  promise("Argo CD's CLI works without a login, and by nobody's rights but the user's own", async () => {
    const run = [path.join(repoRoot, 'scripts/run.mjs'), 'argocd', 'app', 'list', '--output=name'];
    const env = { QUOTES_CLUSTER: rehearsal().cluster };
    const { stdout } = await execa(process.execPath, run, { env, stdin: 'ignore' });
    for (const environment of environments) {
      assert.ok(stdout.includes(`argocd/${environment}`), stdout);
    }
  });

  promise('by keyboard alone one gets to each part', () =>
    browse(async (browser, url) => {
      const { page } = await open(browser, url);
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'To the environments');
      const reached = new Set<string>();
      for (let step = 0; step < 12; step += 1) {
        await page.keyboard.press('Tab');
        reached.add(String(await page.evaluate('document.activeElement.getAttribute("href")')));
      }
      for (const part of [...environments, 'audit', 'drills']) {
        assert.ok(reached.has(`#${part}`), `#${part} is not reached: ${[...reached].join(' ')}`);
      }
    }),
  );

  promise('a page that lost its server says so, and is live again by itself', async () => {
    await browse(async (browser, url) => {
      const { page } = await open(browser, url);
      const connection = page.locator('#connection');
      await rehearsal().killComponent('status-page');
      await connection.getByText('not connected').waitFor({ timeout: patience });
      assert.match((await page.locator('#dev').textContent()) ?? '', /Synced/);
      await rehearsal().command('start', '--json');
      await connection.getByText('live', { exact: true }).waitFor({ timeout: patience });
    });
  });
}

async function open(
  browser: Browser,
  url: string,
  viewport = { width: 1600, height: 1000 },
  colorScheme: 'light' | 'dark' = 'light',
): Promise<{ page: Page; complaints: string[]; loads: () => number }> {
  const page = await browser.newPage({ viewport, colorScheme });
  const complaints: string[] = [];
  let loads = 0;
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('load', () => {
    loads += 1;
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) {
      complaints.push(`it asks ${request.url()}`);
    }
  });
  await page.goto(url);
  await page.locator('#connection').getByText('live', { exact: true }).waitFor({ timeout: patience });
  return { page, complaints, loads: () => loads };
}
