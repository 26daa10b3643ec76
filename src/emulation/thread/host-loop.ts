/** The loop of a device thread: serve the driver, let the devices work, and rest when there is nothing to do. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { AccessBytes } from '../device-model.ts';
import type { DeviceHost } from './device-host.ts';
import * as protocol from './protocol.ts';

// Milliseconds without work after which the thread begins to nap, and after which it naps longer. Doorbells and frames
// that arrive meanwhile wait for the end of a nap; register accesses end it.
const AWAKE = 0.1;
const DROWSY = 200;
const SHORT_NAP = 0.02;
const LONG_NAP = 1;
/** Devices begin a second after power-up: their clock is ahead of the thread's. */
const POWER_UP_MILLISECONDS = 1000;
const NANOSECONDS = 1e6;
/** Rounds between two looks at the clock, which leaves garbage at each. */
const ROUNDS_PER_LOOK = 16;

/** What the thread that made this one gave it. */
export interface HostChannel {
  readonly letters: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  /** Commands come, and their answers go, through it. */
  readonly port: MessagePort;
}

export function runHost(channel: HostChannel, host: DeviceHost): void {
  const bell = new Int32Array(channel.bell);
  const own = new Int32Array(channel.letters);
  try {
    loop(bell, own, host, channel.port);
    protocol.writeRefusal(channel.bell, { code: 'ERR_CLOSED', message: 'it was closed' });
  } catch (error) {
    protocol.writeRefusal(channel.bell, protocol.refusalOf(error));
  } finally {
    Atomics.store(bell, protocol.ENDED, 1);
    for (const mailbox of [own, ...host.lent]) Atomics.notify(mailbox, protocol.STATE);
    channel.port.close();
  }
}

function loop(bell: Int32Array, own: Int32Array, host: DeviceHost, port: MessagePort): void {
  const start = performance.now() - POWER_UP_MILLISECONDS;
  let now = start;
  let busyAt = start;
  for (let round = 0; !host.finished; round++) {
    if (round % ROUNDS_PER_LOOK === 0) now = performance.now();
    const wake = Atomics.load(bell, protocol.WAKE);
    const asked = isAsked(own) || host.lent.some(isAsked);
    if (asked) {
      // Rules about time hold for the time of the access, not for that of the last look or the last nap.
      now = performance.now();
      host.advance((now - start) * NANOSECONDS);
      serve(own, host, port);
    }
    if (host.step((now - start) * NANOSECONDS) > 0 || asked) busyAt = now;
    else if (now - busyAt > AWAKE) {
      Atomics.wait(bell, protocol.WAKE, wake, now - busyAt > DROWSY ? LONG_NAP : SHORT_NAP);
      now = performance.now();
    }
  }
}

function isAsked(mailbox: Int32Array): boolean {
  return Atomics.load(mailbox, protocol.STATE) === protocol.REQUESTED;
}

/** Answers whoever has asked. */
function serve(own: Int32Array, host: DeviceHost, port: MessagePort): void {
  for (const mailbox of host.lent) if (isAsked(mailbox)) answer(mailbox, () => access(mailbox, host));
  if (!isAsked(own)) return;
  answer(own, () => {
    if (own[protocol.OPERATION] === protocol.COMMAND) command(host, port);
    else access(own, host);
  });
}

function answer(mailbox: Int32Array, work: () => void): void {
  let state = protocol.ANSWERED;
  try {
    work();
  } catch (error) {
    protocol.writeRefusal(mailbox.buffer as SharedArrayBuffer, protocol.refusalOf(error));
    state = protocol.REFUSED;
  }
  Atomics.store(mailbox, protocol.STATE, state);
  Atomics.notify(mailbox, protocol.STATE);
}

function command(host: DeviceHost, port: MessagePort): void {
  const asked = receiveMessageOnPort(port)?.message as protocol.Command;
  port.postMessage(host.command(asked));
}

function access(mailbox: Int32Array, host: DeviceHost): void {
  const device = mailbox[protocol.DEVICE];
  const space = mailbox[protocol.SPACE];
  const offset = mailbox[protocol.OFFSET];
  const bytes = mailbox[protocol.BYTES] as AccessBytes;
  if (mailbox[protocol.OPERATION] === protocol.READ) mailbox[protocol.VALUE] = host.read(device, space, offset, bytes);
  else host.write(device, space, offset, bytes, mailbox[protocol.VALUE]);
}
