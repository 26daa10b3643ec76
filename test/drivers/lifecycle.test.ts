import { afterEach, describe, expect, test, vi } from 'vitest';
import { closeOnExit } from '../../src/drivers/lifecycle.ts';

/** The listeners that `action` adds for `event`. */
function added(event: 'exit' | 'SIGHUP', action: () => void): ((...values: unknown[]) => void)[] {
  const before = process.listeners(event as 'exit');
  action();
  return process.listeners(event as 'exit').filter((listener) => !before.includes(listener)) as never;
}

function device(log: string[], name: string) {
  return { close: () => void log.push(name) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('open devices when the process ends', () => {
  test('are closed on exit, and the listeners go with the last of them', () => {
    const log: string[] = [];
    const exit = added('exit', () => {
      closeOnExit(device(log, 'a'));
      closeOnExit(device(log, 'b'));
    });
    expect(exit.length).toBe(1);
    exit[0](0);
    expect(log).toEqual(['a', 'b']);
    expect(process.listeners('exit')).not.toContain(exit[0]);
  });

  test('are forgotten once they are closed by hand', () => {
    const log: string[] = [];
    const before = process.listenerCount('exit');
    const forget = closeOnExit(device(log, 'a'));
    expect(process.listenerCount('exit')).toBe(before + 1);
    forget();
    forget();
    expect(process.listenerCount('exit')).toBe(before);
    expect(log).toEqual([]);
  });

  test('do not keep each other from being closed', () => {
    const log: string[] = [];
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const exit = added('exit', () => {
      closeOnExit({
        close() {
          throw new Error('stuck');
        },
      });
      closeOnExit(device(log, 'b'));
    });
    exit[0](0);
    expect(log).toEqual(['b']);
    expect(warning).toHaveBeenCalledWith(expect.stringContaining('stuck'));
  });

  test('are closed by a signal, which then does what it would have done', () => {
    const log: string[] = [];
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
      log.push(`killed, ${process.listenerCount('SIGHUP')} listeners`);
      return true;
    });
    closeOnExit(device(log, 'a'));
    process.emit('SIGHUP', 'SIGHUP');
    expect(log).toEqual(['a', 'killed, 0 listeners']);
    expect(kill).toHaveBeenCalledWith(process.pid, 'SIGHUP');
  });

  test('stay open if the application handles the signal itself', () => {
    const log: string[] = [];
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => true);
    const handler = vi.fn();
    process.on('SIGHUP', handler);
    try {
      const forget = closeOnExit(device(log, 'a'));
      process.emit('SIGHUP', 'SIGHUP');
      expect(handler).toHaveBeenCalledOnce();
      expect(kill).not.toHaveBeenCalled();
      expect(log).toEqual([]);
      forget();
    } finally {
      process.off('SIGHUP', handler);
    }
  });
});
