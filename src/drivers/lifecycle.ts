/**
 * Devices must stop before their memory goes: whatever ends the process (or the worker), every open one is closed first.
 *
 * Covered: `process.exit`, the end of the event loop, an uncaught exception (all three arrive as 'exit'), and SIGINT,
 * SIGTERM and SIGHUP unless the application handles them itself. Not covered, because no JavaScript runs then: SIGKILL and
 * `worker.terminate()`; for those the PCI layer arms the addon's cleanup write.
 */
import { isMainThread } from 'node:worker_threads';

interface Closeable {
  /** Idempotent, synchronous, bounded in time. */
  close(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const open = new Set<Closeable>();

/** Closes `device` when the process or worker ends; returns how to take that back, for the device's own `close`. */
export function closeOnExit(device: Closeable): () => void {
  if (open.size === 0) listen();
  open.add(device);
  return () => {
    if (open.delete(device) && open.size === 0) unlisten();
  };
}

function listen(): void {
  process.on('exit', closeAll);
  // Signals reach the main thread only.
  if (isMainThread) for (const signal of SIGNALS) process.on(signal, onSignal);
}

function unlisten(): void {
  process.off('exit', closeAll);
  if (isMainThread) for (const signal of SIGNALS) process.off(signal, onSignal);
}

/** One device that fails to close must not keep the others from it. */
function closeAll(): void {
  for (const device of [...open]) {
    open.delete(device);
    try {
      device.close();
    } catch (error) {
      process.emitWarning(`a device failed to close: ${error instanceof Error ? error.message : error}`);
    }
  }
  unlisten();
}

/** An application with a handler of its own decides by itself; else the signal does what it would have done, afterwards. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  closeAll();
  process.kill(process.pid, signal);
}
