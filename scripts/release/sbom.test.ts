import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debianPackages, nodeRuntime, npmPackages } from './sbom.ts';

test('a Debian package is named by what dpkg says is installed, and by nothing that was removed', () => {
  const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u13
Description: GNU C Library
 Version: not this line

Package: gone
Status: deinstall ok config-files
Version: 1
`;
  assert.deepEqual(
    debianPackages(status).map(({ name, version, purl }) => ({ name, version, purl })),
    [
      {
        name: 'libc6',
        version: '2.36-9+deb12u13',
        purl: 'pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64',
      },
    ],
  );
});

test('an npm package has its version, licence and hash, whatever folder it is in; what is not in the bundle is none', () => {
  const lock = JSON.stringify({
    packages: {
      'node_modules/quote-app': { resolved: 'service', link: true },
      service: { version: '1.0.0' },
      'node_modules/only-builds': { version: '2.0.0', dev: true },
      'node_modules/a/node_modules/@scope/b': {
        version: '1.0.0',
        integrity: `sha512-${Buffer.from('x').toString('base64')}`,
        license: 'MIT',
      },
    },
  });
  const [found, ...more] = npmPackages(lock, '["node_modules/a/node_modules/@scope/b"]');
  assert.deepEqual(more, []);
  assert.equal(found?.purl, 'pkg:npm/%40scope/b@1.0.0');
  assert.deepEqual([...(found?.hashes ?? [])], [['SHA-512', '78']]);
  assert.equal(found?.licenses.size, 1);
  assert.deepEqual(npmPackages('', ''), []);
});

test('the Node of the image is that of the last base in the Dockerfile', () => {
  const dockerfile =
    'FROM docker.io/library/node:1.0.0 AS a\nFROM docker.io/library/node:26.10.0-bookworm-slim\n';
  assert.deepEqual(
    nodeRuntime(dockerfile).map(({ purl }) => purl),
    ['pkg:generic/node@26.10.0'],
  );
});
