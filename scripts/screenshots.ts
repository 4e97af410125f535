import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun, run } from './cli.ts';
import { repoRoot } from './paths.ts';
import { launchBrowser } from './status-page/browser.ts';
import { looks } from './status-page/looks.ts';

const help = `
Usage: npm run screenshots -- [--json] [--url URL]

Takes the README's pictures of a status page that runs: at three widths, in light and in dark, into docs/screenshots.

  --url URL  the page (default: http://127.0.0.1:7000/)
  --json     print the files as a JSON array

Exit code: 0 taken, 2 it cannot run.
`;

await run(
  { help, options: { url: { type: 'string' }, json: { type: 'boolean' } } },
  async ({ url, json }) => {
    const page = url ?? 'http://127.0.0.1:7000/';
    const folder = path.join(repoRoot, 'docs/screenshots');
    await mkdir(folder, { recursive: true });
    const browser = await launchBrowser();
    const files: string[] = [];
    try {
      for (const { name, width, height, colorScheme } of looks) {
        const tab = await browser.newPage({ viewport: { width, height }, colorScheme });
        await tab.goto(page).catch((error: Error) => {
          throw new CannotRun(
            `${page} cannot be opened (${error.message.split('\n')[0]}): start it, or say --url.`,
          );
        });
        const isLive = tab.locator('#connection:text("live")').waitFor({ timeout: 15_000 });
        await isLive.catch(() => {
          throw new CannotRun(`${page} is no status page that is live: see --help.`);
        });
        const file = path.join(folder, `${name}.png`);
        await tab.screenshot({ path: file });
        files.push(path.relative(repoRoot, file));
        await tab.close();
      }
    } finally {
      await browser.close();
    }
    process.stdout.write(json === true ? `${JSON.stringify(files)}\n` : `${files.join('\n')}\n`);
    return 0;
  },
);
