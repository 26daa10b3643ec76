/**
 * Real traffic: two stations, each in a network namespace with a TAP interface, whose cable ends in an emulated NIC.
 *
 *   namespace ─ TAP ═ wire ═ 82599 ─ driver ─ forwarder ─ driver ─ 82599 ═ wire ═ TAP ─ namespace
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Report, Stage } from './report.ts';
import { Station } from './station.ts';
import type { Echoes } from './station-tasks.ts';
import { SIDES, type Side, TwoPorts } from './two-ports.ts';

const run = promisify(execFile);

/** Addresses for tests of network equipment (RFC 2544, C.2.2). */
const ADDRESSES = { left: '198.18.0.1', right: '198.18.0.2' };
const MEBIBYTE = 2 ** 20;

export async function kernelTraffic(report: Report, quick: boolean): Promise<void> {
  const line = new Line();
  const abandon = (): void => line.endStations(); // what waits for a station hears that it has ended
  report.signal.addEventListener('abort', abandon);
  try {
    await report.stage('namespaces', 'Two network namespaces, with the emulated 82599s between them', (stage) =>
      line.build(stage),
    );
    await report.stage('ping', `Ping from ${ADDRESSES.left} to ${ADDRESSES.right}`, (stage) =>
      ping(stage, line, quick ? 5 : 15),
    );
    const size = quick ? 8 : 64;
    await report.stage('download', `Download of ${size} MiB of random bytes by HTTP`, (stage) =>
      download(stage, line, size * MEBIBYTE),
    );
  } finally {
    report.signal.removeEventListener('abort', abandon);
    line.close();
  }
}

/** The two stations, and what is between them. */
class Line {
  readonly #stations: Station[] = [];
  #ports: TwoPorts | undefined;

  get left(): Station {
    return this.#stations[0];
  }

  get right(): Station {
    return this.#stations[1];
  }

  get ports(): TwoPorts {
    if (!this.#ports) throw new Error('the line is not built');
    return this.#ports;
  }

  async build(stage: Stage): Promise<void> {
    for (const side of SIDES) this.#stations.push(await Station.start(side));
    const nic = (side: Side) => ({ wire: `tap:${interfaceName(side)}`, strict: '1' });
    this.#ports = await TwoPorts.open({ left: nic('left'), right: nic('right') });
    for (const [i, side] of SIDES.entries()) {
      const station = this.#stations[i];
      await run('ip', ['link', 'set', 'dev', interfaceName(side), 'netns', `${station.processId}`]);
      await station.request('configure', interfaceName(side), `${ADDRESSES[side]}/24`);
      stage.note(`${side}: ${interfaceName(side)}, ${ADDRESSES[side]}, namespace of process ${station.processId}`);
    }
  }

  /** The namespaces go with them. */
  endStations(): void {
    for (const station of this.#stations) station.close();
  }

  /** The interfaces go with the ports. */
  close(): void {
    this.#ports?.close();
    this.endStations();
  }
}

/** Unique on this machine, also while it is not yet in its namespace. */
function interfaceName(side: Side): string {
  return `ixy-${side === 'left' ? 'l' : 'r'}${process.pid}`;
}

async function ping(stage: Stage, line: Line, count: number): Promise<void> {
  const { sent, answered, fastest, average } = await line.ports.forwardDuring(stage, () => echo(stage, line, count));
  const times = `; ${average.toFixed(2)} ms there and back on average, ${fastest.toFixed(2)} at best`;
  stage.check(answered === sent, `${answered} of ${sent} requests answered${answered > 0 ? times : ''}`);
  stage.figures = { sent, answered, fastest, average };
}

async function echo(stage: Stage, line: Line, count: number): Promise<Echoes> {
  const echoes = await line.left.request('ping', ADDRESSES.right, count);
  if (echoes) return echoes;
  stage.note(
    "There is no program 'ping' (package iputils-ping): UDP packets, reflected by the other station, instead.",
  );
  const { port } = await line.right.request('reflect', ADDRESSES.right);
  return line.left.request('probe', ADDRESSES.right, port, count);
}

async function download(stage: Stage, line: Line, size: number): Promise<void> {
  const server = await line.right.request('serve', ADDRESSES.right, size);
  const url = `http://${ADDRESSES.right}:${server.port}/`;
  const { bytes, sha256, milliseconds } = await line.ports.forwardDuring(stage, () =>
    line.left.request('download', url),
  );
  const megabits = (8 * bytes) / 1000 / milliseconds;
  const inAll = `${(milliseconds / 1000).toFixed(2)} s, ${megabits.toFixed(0)} Mbit/s`;
  stage.check(bytes === size, `${(bytes / MEBIBYTE).toFixed(0)} MiB in ${inAll}`);
  const told =
    sha256 === server.sha256 ? `matches: ${sha256.slice(0, 16)}…` : `is ${sha256}, sent was ${server.sha256}`;
  stage.check(sha256 === server.sha256, `SHA-256 ${told}`);
  line.ports.checkRules(stage);
  stage.figures = { bytes, milliseconds, megabitsPerSecond: Math.round(megabits) };
}
