import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';

const native = addon();
const { EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLET, EPOLLIN, EPOLLOUT } =
  native.constants;

function closedLater(descriptor: number): number {
  onTestFinished(() => native.close(descriptor));
  return descriptor;
}

const counter = (initial: number): number => closedLater(native.eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK));

describe('epoll', () => {
  it('reports descriptors that are ready, as pairs', () => {
    const epoll = closedLater(native.epollCreate());
    const full = counter(1);
    const empty = counter(0);
    for (const descriptor of [full, empty]) native.epollControl(epoll, EPOLL_CTL_ADD, descriptor, EPOLLIN);
    const ready = new Int32Array(8).fill(-7);
    expect(native.epollWait(epoll, ready, 0)).toBe(1);
    expect([...ready.subarray(0, 4)]).toEqual([full, EPOLLIN, -7, -7]);

    native.epollControl(epoll, EPOLL_CTL_MOD, empty, EPOLLOUT);
    expect(native.epollWait(epoll, ready, -1)).toBe(2);
    native.epollControl(epoll, EPOLL_CTL_DEL, full, 0);
    expect(native.epollWait(epoll, ready, 0)).toBe(1);
    expect([...ready.subarray(0, 2)]).toEqual([empty, EPOLLOUT]);
  });

  it('fills no more than there is room for', () => {
    const epoll = closedLater(native.epollCreate());
    for (let i = 0; i < 5; i++) native.epollControl(epoll, EPOLL_CTL_ADD, counter(1), EPOLLIN);
    expect(native.epollWait(epoll, new Int32Array(5), 0)).toBe(2);
    expect(native.epollWait(epoll, new Int32Array(10_000), 0)).toBe(5);
  });

  it('takes EPOLLET as the negative number that `|` makes of it', () => {
    const epoll = closedLater(native.epollCreate());
    native.epollControl(epoll, EPOLL_CTL_ADD, counter(1), EPOLLIN | EPOLLET);
    const ready = new Int32Array(2);
    expect(native.epollWait(epoll, ready, 0)).toBe(1);
    expect(native.epollWait(epoll, ready, 0)).toBe(0);
  });

  it('returns nothing when its time is over', () => {
    expect(native.epollWait(closedLater(native.epollCreate()), new Int32Array(2), 1)).toBe(0);
  });

  it('a descriptor twice is an error that names it', () => {
    const epoll = closedLater(native.epollCreate());
    const twice = counter(0);
    native.epollControl(epoll, EPOLL_CTL_ADD, twice, EPOLLIN);
    expect(() => native.epollControl(epoll, EPOLL_CTL_ADD, twice, EPOLLIN)).toThrow(
      expect.objectContaining({ code: 'EEXIST', syscall: 'epoll_ctl', path: 'anon_inode:[eventfd]' }),
    );
  });
});
