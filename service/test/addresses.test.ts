import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { test } from 'node:test';
import { Addresses } from '../src/db/addresses.ts';

const here: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];

/** A name server that answers as the test says, and counts its questions. */
function nameServer() {
  let answer = async () => here;
  let questions = 0;
  const addresses = new Addresses(() => {
    questions += 1;
    return answer();
  });
  return {
    addresses,
    become: (next: () => Promise<LookupAddress[]>) => {
      answer = next;
    },
    questions: () => questions,
  };
}

/** Whether a connection to a server of that name comes about; the server is on this machine. */
async function connects(addresses: Addresses): Promise<boolean> {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const socket = new Socket();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.connect({ host: 'postgres-rw', port, lookup: addresses.lookup });
  const connected = await promise;
  socket.destroy();
  server.close();
  return connected;
}

const never = () => new Promise<never>(() => {});

test('a name that DNS no longer answers for leads where it led before, and is asked for once at a time', async () => {
  const { addresses, become, questions } = nameServer();
  assert.equal(await connects(addresses), true);
  become(never);
  const before = questions();
  assert.deepEqual(await Promise.all([connects(addresses), connects(addresses), connects(addresses)]), [
    true,
    true,
    true,
  ]);
  assert.equal(questions() - before, 1);
});

test('a name that DNS refuses for a while leads where it led before', async () => {
  const { addresses, become } = nameServer();
  assert.equal(await connects(addresses), true);
  become(() => Promise.reject(new Error('SERVFAIL')));
  assert.equal(await connects(addresses), true);
});

test('a new answer is followed at once', async () => {
  const { addresses, become } = nameServer();
  assert.equal(await connects(addresses), true);
  become(async () => [{ address: '127.255.255.254', family: 4 }]);
  assert.equal(await connects(addresses), false);
});

test('a name that never had an answer has its error', async () => {
  const { addresses, become } = nameServer();
  become(() => Promise.reject(new Error('ENOTFOUND')));
  assert.equal(await connects(addresses), false);
});
