/** The loop of a device thread: serve the driver, let the devices work, and rest when there is nothing to do. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { IxyError } from '../../errors.ts';
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

export function runHost(mailbox: Int32Array, host: DeviceHost, port: MessagePort): void {
  try {
    loop(mailbox, host, port);
  } catch (error) {
    port.postMessage(refusal(error));
  } finally {
    Atomics.store(mailbox, protocol.ENDED, 1);
    Atomics.notify(mailbox, protocol.STATE);
    port.close();
  }
}

function loop(mailbox: Int32Array, host: DeviceHost, port: MessagePort): void {
  const start = performance.now() - POWER_UP_MILLISECONDS;
  let now = start;
  let busyAt = start;
  for (let round = 0; !host.finished; round++) {
    if (round % ROUNDS_PER_LOOK === 0) now = performance.now();
    const wake = Atomics.load(mailbox, protocol.WAKE);
    const asked = Atomics.load(mailbox, protocol.STATE) === protocol.REQUESTED;
    if (asked) {
      // Rules about time hold for the time of the access, not for that of the last look or the last nap.
      now = performance.now();
      host.advance((now - start) * NANOSECONDS);
      serve(mailbox, host, port);
    }
    if (host.step((now - start) * NANOSECONDS) > 0 || asked) busyAt = now;
    else if (now - busyAt > AWAKE) {
      Atomics.wait(mailbox, protocol.WAKE, wake, now - busyAt > DROWSY ? LONG_NAP : SHORT_NAP);
      now = performance.now();
    }
  }
}

function serve(mailbox: Int32Array, host: DeviceHost, port: MessagePort): void {
  let state = protocol.ANSWERED;
  const operation = mailbox[protocol.OPERATION];
  try {
    if (operation === protocol.COMMAND) {
      const command = receiveMessageOnPort(port)?.message as protocol.Command;
      port.postMessage(host.command(command));
    } else {
      const device = mailbox[protocol.DEVICE];
      const space = mailbox[protocol.SPACE];
      const offset = mailbox[protocol.OFFSET];
      const bytes = mailbox[protocol.BYTES] as AccessBytes;
      if (operation === protocol.READ) mailbox[protocol.VALUE] = host.read(device, space, offset, bytes);
      else host.write(device, space, offset, bytes, mailbox[protocol.VALUE]);
    }
  } catch (error) {
    port.postMessage(refusal(error));
    state = protocol.REFUSED;
  }
  Atomics.store(mailbox, protocol.STATE, state);
  Atomics.notify(mailbox, protocol.STATE);
}

function refusal(error: unknown): protocol.Answer {
  if (error instanceof IxyError) return { kind: 'error', code: error.code, message: error.message };
  return { kind: 'error', code: 'ERR_SYSTEM', message: error instanceof Error ? error.message : String(error) };
}
