import { type Browser, chromium } from 'playwright-core';
import { installPackages } from '../prerequisites.ts';

/** Debian packages that a browser test needs, each with what for. */
const packages = {
  'chromium-headless-shell': 'is the browser that looks at the status page',
  'fonts-liberation': 'gives it letters',
};

/** Starts Debian's Chromium without a window, installing it where it is missing. @throws {CannotRun} */
export async function launchBrowser(): Promise<Browser> {
  await installPackages(packages, () => {});
  return chromium.launch({
    executablePath: '/usr/bin/chromium-headless-shell',
    // Root has no sandbox of its own; the page is ours, on loopback.
    args: ['--no-sandbox'],
  });
}
