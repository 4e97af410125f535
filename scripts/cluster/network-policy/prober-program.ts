// Runs in a pod's network namespace: listens on what it is told to, and tries what it is told to reach.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { Answer, Order, Port, Way } from './prober.ts';

/** Asks for the address of the root, as a DNS server understands it; who merely echoes does not mind. */
const question = Buffer.from('1234010000010000000000000000010001', 'hex');

process.on('message', async (order: Order) => {
  const answer: Answer =
    order.kind === 'listen'
      ? { id: order.id, reached: await Promise.all(order.ports.map(listen)) }
      : { id: order.id, reached: await Promise.all(order.ways.map((way) => reach(way, order.patience))) };
  process.send?.(answer);
});

async function listen({ protocol, port }: Port): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  if (protocol === 'TCP') {
    const server = createServer((client) => client.on('error', () => {}).end());
    server.on('error', reject).listen(port, '0.0.0.0', () => resolve(true));
  } else {
    const socket = createSocket('udp4');
    socket.on('message', (message, { address, port: from }) => socket.send(message, from, address));
    socket.on('error', reject).bind(port, '0.0.0.0', () => resolve(true));
  }
  return promise;
}

/** Whether an answer came, be it that nobody listens: what a policy holds back is not answered at all. */
async function reach({ protocol, address, port }: Way, patience: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), patience);
  const refused = (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED');
  if (protocol === 'TCP') {
    const client = connect(port, address, () => resolve(true));
    client.on('error', refused);
    await promise;
    client.destroy();
  } else {
    const socket = createSocket('udp4');
    socket.on('error', refused).on('message', () => resolve(true));
    socket.connect(port, address, () => socket.send(question));
    // Left open: its port, given to another, would be of a flow that conntrack lets through for half a minute yet.
    await promise;
  }
  clearTimeout(timer);
  return promise;
}
