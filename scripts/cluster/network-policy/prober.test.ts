import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execa } from 'execa';
import { openProber, type Way } from './prober.ts';

test('what is tried over UDP is a new flow each time, and none that the node still lets through', async (t) => {
  const namespace = `quotes-prober-${process.pid}`;
  await execa('ip', ['netns', 'add', namespace]);
  t.after(() => execa('ip', ['netns', 'delete', namespace]));
  const inside = (command: string, input = '') =>
    execa('ip', ['netns', 'exec', namespace, 'sh', '-c', command], { input });
  const lets = (verdict: string) =>
    inside(
      'nft -f -',
      `flush ruleset; table inet t { chain c { type filter hook input priority filter; ct state established accept; udp dport 8080 ${verdict}; }; }`,
    );
  await inside('ip link set lo up');
  // So few ports that one given at random would soon be one of before.
  await inside('echo 40000 40031 > /proc/sys/net/ipv4/ip_local_port_range');
  const prober = openProber(`/run/netns/${namespace}`);
  t.after(() => prober.end());
  await prober.listen([{ protocol: 'UDP', port: 8080 }]);
  const ways: Way[] = Array.from({ length: 10 }, () => ({
    protocol: 'UDP',
    address: '127.0.0.1',
    port: 8080,
  }));

  await lets('accept');
  const open = await prober.reach(ways, 5000);
  await lets('drop');
  const closed = await prober.reach(ways, 300);

  assert.deepEqual({ open, closed }, { open: ways.map(() => true), closed: ways.map(() => false) });
});
