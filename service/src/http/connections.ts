import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Bounds how many connections a server holds. One more ends that on which nothing was asked for longest: what floods
 * makes room for who asks now, the kubelet among them.
 */
export function boundConnections(server: Server, most: number): void {
  // In the order of the last request, or of the connection where there was none.
  const held = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    held.add(socket);
    socket.once('close', () => held.delete(socket));
    const [first] = held;
    if (held.size <= most || first === undefined) return;
    held.delete(first);
    first.destroy();
  });
  server.on('request', ({ socket }) => {
    if (held.delete(socket)) held.add(socket);
  });
}
