/** Workers that cannot be started: whoever asked for them is told why, and nothing of theirs is left. */
import { afterEach, describe, expect, it } from 'vitest';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { allocateSharedMemory } from '../../src/memory/memfd-memory.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import type { WorkersOptions } from '../../src/workers/index.ts';
import { openDescriptors } from '../support/process.ts';
import { WorkerLab } from './lab.ts';

let opened: WorkerLab | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

interface Failure {
  /** What is wrong; and what else is done to have it go wrong. */
  readonly options?: Partial<WorkersOptions>;
  readonly program?: string;
  readonly allocate?: (minimumBytes: number) => DmaMemory;
  readonly prepare?: (lab: WorkerLab) => () => void;
  readonly message: RegExp;
}

const FAILURES: Readonly<Record<string, Failure>> = {
  'no memory': {
    allocate: () => {
      throw new Error('no memory today');
    },
    message: /no memory today/,
  },
  'too little memory': {
    allocate: (bytes) => allocateSharedMemory(bytes / 2),
    message: /allocateMemory must give the \d+ bytes that it is asked for, found \d+/,
  },
  'less than a packet for each': {
    allocate: () => allocatePlainMemory(4096),
    message: /allocateMemory must give the \d+ bytes that it is asked for, found 4096/,
  },
  'memory that threads cannot share': { allocate: privateMemory, message: /need memory in a SharedArrayBuffer/ },
  'a ring to nobody': {
    options: { rings: { out: { producers: [0, 7], consumer: 'main' } } },
    message: /is between workers 0 to 1 and 'main', found 7/,
  },
  'data that cannot be sent': { options: { data: () => 1 }, message: /could not be cloned/ },
  'no such module': { program: 'nowhere', message: /Cannot find module .*nowhere\.js/ },
  'a module without a main function': {
    program: 'nothing',
    message: /must have a function as its default export, found undefined/,
  },
  'queues that are lent only to the first': { prepare: lendOnce, message: /no more of them/ },
};

describe('workers are not started', () => {
  it.each(Object.entries(FAILURES))('with %s, and leave nothing behind', async (_, failure) => {
    const { options, program = 'echo', allocate = allocateSharedMemory, prepare, message } = failure;
    const lab = await WorkerLab.open(2);
    opened = lab;
    const memories: DmaMemory[] = [];
    const allocateMemory = (bytes: number): DmaMemory => {
      const memory = allocate(bytes);
      memories.push(memory);
      return memory;
    };
    const descriptors = openDescriptors();
    const repair = prepare?.(lab);
    await expect(lab.run(2, program, { ...options, allocateMemory })).rejects.toThrow(message);
    expect(memories.map(({ buffer }) => buffer.byteLength)).toEqual(memories.map(() => 0));
    expect(openDescriptors()).toBeLessThanOrEqual(descriptors); // threads of earlier tests may end meanwhile

    repair?.();
    const group = await lab.run(2, 'echo');
    await lab.traffic.run(10);
    expect(lab.traffic.lost).toBe(0);
    await group.stop();
    expect(group.pool.available()).toBe(group.pool.capacity);
    expect(lab.device.inspect().violations).toEqual([]);
  });

  it('while a queue does not stop, and leave the memory that the device may write to', async () => {
    const lab = await WorkerLab.open(2);
    opened = lab;
    const memories: DmaMemory[] = [];
    const allocateMemory = (bytes: number): DmaMemory => {
      memories.push(allocatePlainMemory(bytes));
      return memories[0];
    };
    lab.stickQueues().yes = true;
    const started = lab.run(2, 'echo', { data: () => 1, allocateMemory });
    await expect(started).rejects.toThrow('the queue does not stop');
    expect(memories[0].buffer.byteLength).toBe(memories[0].size);
  });
});

/** Behind no descriptor, and in no SharedArrayBuffer. */
function privateMemory(bytes: number): DmaMemory {
  const memory = allocatePlainMemory(bytes);
  let buffer = new ArrayBuffer(memory.size);
  return {
    kind: 'plain',
    size: memory.size,
    pageSize: memory.pageSize,
    descriptor: -1,
    get buffer() {
      return buffer;
    },
    free() {
      buffer = new ArrayBuffer(0);
    },
  };
}

/** Lends queues to one worker, and no more. Returns what undoes it. */
function lendOnce({ nic }: WorkerLab): () => void {
  const { lend } = nic;
  let calls = 0;
  nic.lend = (request) => {
    if (++calls > 1) throw new Error('no more of them');
    return lend.call(nic, request);
  };
  return () => {
    nic.lend = lend;
  };
}
