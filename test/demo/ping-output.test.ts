import { describe, expect, it } from 'vitest';
import { parsePing } from '../../src/demo/ping-output.ts';

describe('what ping says', () => {
  it.each([
    [
      'iputils',
      '20 packets transmitted, 19 received, 5% packet loss, time 982ms\nrtt min/avg/max/mdev = 0.194/3.150/5.902/1.734 ms',
    ],
    [
      'inetutils',
      '20 packets transmitted, 19 packets received, 5% packet loss\nround-trip min/avg/max/stddev = 0.194/3.150/5.902/1.734 ms',
    ],
    [
      'BusyBox',
      '20 packets transmitted, 19 packets received, 5% packet loss\nround-trip min/avg/max = 0.194/3.150/5.902 ms',
    ],
  ])('%s is understood', (_name, text) => {
    expect(parsePing(text)).toEqual({ sent: 20, answered: 19, fastest: 0.194, average: 3.15 });
  });

  it('has no times if nothing was answered', () => {
    const silence = '5 packets transmitted, 0 received, +3 errors, 100% packet loss, time 4000ms\n';
    expect(parsePing(silence)).toMatchObject({ sent: 5, answered: 0, average: Number.NaN });
  });

  it('is refused without counts', () => {
    expect(() => parsePing('ping: unknown host')).toThrow('ping: unknown host');
  });
});
