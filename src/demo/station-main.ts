/** The program of a station: does what it is asked, until the demo's process goes away. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parsePing } from './ping-output.ts';
import type { Answer, Echoes, Request, Tasks } from './station-tasks.ts';

const run = promisify(execFile);

const ECHO_INTERVAL_MILLISECONDS = 100;
/** For the last answers. */
const PATIENCE_MILLISECONDS = 2000;

const tasks: Tasks = {
  async configure(interfaceName, address) {
    await run('ip', ['address', 'add', address, 'dev', interfaceName]);
    await run('ip', ['link', 'set', 'dev', interfaceName, 'up']);
  },

  async ping(target, count) {
    const interval = ECHO_INTERVAL_MILLISECONDS / 1000;
    const deadline = Math.ceil(count * interval + PATIENCE_MILLISECONDS / 1000);
    const options = ['-n', '-q', '-c', `${count}`, '-i', `${interval}`, '-w', `${deadline}`, target];
    try {
      const { stdout } = await run('ping', options, { env: { ...process.env, LC_ALL: 'C' } });
      return parsePing(stdout);
    } catch (error) {
      const { code, stdout } = error as { code?: unknown; stdout?: string };
      if (code === 'ENOENT') return undefined;
      if (code === 1 && stdout) return parsePing(stdout); // some requests were not answered
      throw error;
    }
  },

  async probe(target, port, count) {
    const socket = createSocket('udp4');
    const times = new Map<number, number>();
    socket.on('message', (message) => {
      const number = message.readUInt32BE(0);
      if (!times.has(number)) times.set(number, performance.now() - message.readDoubleBE(4));
    });
    for (let number = 0; number < count; number++) {
      const message = Buffer.alloc(64);
      message.writeUInt32BE(number, 0);
      message.writeDoubleBE(performance.now(), 4);
      socket.send(message, port, target);
      await setTimeout(ECHO_INTERVAL_MILLISECONDS);
    }
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    while (times.size < count && performance.now() < deadline) await setTimeout(ECHO_INTERVAL_MILLISECONDS);
    socket.close();
    return echoes(count, [...times.values()]);
  },

  async reflect(address) {
    const socket = createSocket('udp4');
    socket.on('message', (message, { port, address }) => socket.send(message, port, address));
    socket.bind(0, address);
    await once(socket, 'listening');
    return { port: boundPort(socket) };
  },

  async serve(address, bytes) {
    const body = randomBytes(bytes);
    const server = createServer((_request, response) => response.end(body));
    server.listen(0, address);
    await once(server, 'listening');
    return { port: boundPort(server), sha256: createHash('sha256').update(body).digest('hex') };
  },

  async download(url) {
    const begin = performance.now();
    const [response] = (await once(get(url), 'response')) as [IncomingMessage];
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { bytes, sha256: hash.digest('hex'), milliseconds: performance.now() - begin };
  },
};

function echoes(sent: number, times: readonly number[]): Echoes {
  const total = times.reduce((sum, time) => sum + time, 0);
  return { sent, answered: times.length, fastest: Math.min(...times), average: total / times.length };
}

function boundPort(server: { address(): ReturnType<Socket['address']> | AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

async function answer({ task, parameters }: Request): Promise<Answer> {
  try {
    const perform = tasks[task] as (...parameters: readonly unknown[]) => Promise<unknown>;
    return { result: await perform(...parameters) };
  } catch (error) {
    return { error: error instanceof Error ? error.message.trim() : String(error) };
  }
}

process.on('message', async (request: Request) => process.send?.(await answer(request)));
// However the demo's process ends: this group, with a ping that may be under way, goes with it.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.send?.({ result: undefined } satisfies Answer);
