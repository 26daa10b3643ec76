import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Answer, Request, Tasks } from '../../src/demo/station-tasks.ts';

const HERE = '127.0.0.1';

/** The program of a station, compiled by `npm test`, in the namespace that everything is in. */
async function startStation(): Promise<ChildProcess> {
  const child = fork('dist/demo/station-main.js', { detached: true });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child, 'message');
  return child;
}

async function ask<Task extends keyof Tasks>(
  station: ChildProcess,
  task: Task,
  ...parameters: Parameters<Tasks[Task]>
): Promise<Awaited<ReturnType<Tasks[Task]>>> {
  const answer = once(station, 'message') as Promise<[Answer]>;
  station.send({ task, parameters } satisfies Request);
  const [message] = await answer;
  if ('error' in message) throw new Error(message.error);
  return message.result as Awaited<ReturnType<Tasks[Task]>>;
}

describe('a station', () => {
  it('serves bytes that another one downloads', async () => {
    const [server, client] = await Promise.all([startStation(), startStation()]);
    const { port, sha256 } = await ask(server, 'serve', HERE, 100_000);
    const download = await ask(client, 'download', `http://${HERE}:${port}/`);
    expect(download).toMatchObject({ bytes: 100_000, sha256 });
  });

  it('reflects packets, and counts those that come back', async () => {
    const [mirror, prober] = await Promise.all([startStation(), startStation()]);
    const { port } = await ask(mirror, 'reflect', HERE);
    expect(await ask(prober, 'probe', HERE, port, 3)).toMatchObject({ sent: 3, answered: 3 });
  });

  it('says what went wrong', async () => {
    const station = await startStation();
    await expect(ask(station, 'download', `http://${HERE}:1/`)).rejects.toThrow('ECONNREFUSED');
    await expect(ask(station, 'serve', '192.0.2.1', 1)).rejects.toThrow('EADDRNOTAVAIL');
  });

  it('ends with the process that has started it, whatever it is at', async () => {
    const station = await startStation();
    await ask(station, 'serve', HERE, 1);
    await ask(station, 'reflect', HERE);
    station.disconnect();
    expect(await once(station, 'exit')).toEqual([null, 'SIGKILL']);
  });
});
