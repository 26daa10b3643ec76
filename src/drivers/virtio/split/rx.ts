/** A split ring for receiving: its descriptors, its bursts, and its interrupts. */
import {
  AVAILABLE_FLAG_NO_INTERRUPT,
  AVAILABLE_FLAGS,
  SPLIT_ADDRESS_HIGH,
  SPLIT_ADDRESS_LOW,
  SPLIT_FLAG_NEXT,
  SPLIT_FLAG_WRITE,
  SPLIT_FLAGS_NEXT,
  SPLIT_LENGTH,
  SPLIT_NEXT_SHIFT,
} from '../../../datasheet/virtio/split-ring.ts';
import { addressHigh, addressLow } from '../../../memory/dma-memory.ts';
import { specialise } from '../../../specialise.ts';
import { fourViews } from '../four-views.ts';
import { makeFrameReceive } from '../frame-receive.ts';
import { HEADER_STRIDE, headersOffset, type RxQueueInit } from '../queue-init.ts';
import { RX_CONSTANTS, type RxContext, type RxRing } from '../rx-context.ts';
import { splitRing } from './context.ts';
import { makeSplitReceive, makeSplitRefill, type SplitRxContext } from './receive.ts';
import { makeSplitUsed } from './used.ts';
import { splitViews } from './views.ts';

const { NEXT, AVAILABLE, ARMED } = RX_CONSTANTS;

/** Writes the descriptors, and compiles the bursts that suit what was negotiated. Interrupts are off. */
export function createSplitRx(init: RxQueueInit, common: RxContext): RxRing {
  const ring = splitRing(splitViews(init), init.size);
  const context: SplitRxContext = { ...common, ...ring, fourFree: fourViews(common.freeStack, 1) };
  writeDescriptors(init, context);
  const refill = specialise('refill', makeSplitRefill)(context);
  const { state, available, usedEvent, eventIndex, pairs, block } = context;
  const buffers = pairs ? init.size >> 1 : init.size;
  const replace = (): void => {
    if (((state[NEXT] + buffers - state[AVAILABLE]) & 0xffff) >= block) refill();
  };
  const used = specialise('used', makeSplitUsed)(context);
  const unusual = specialise('receive-unusual', makeFrameReceive)(context, used, replace);
  const receive = specialise('receive', makeSplitReceive)(context, refill, unusual);
  const result: RxRing = {
    receive,
    refill,
    enableInterrupt() {
      state[ARMED] = 1;
      if (eventIndex) Atomics.store(available, usedEvent, state[NEXT]);
      else Atomics.store(available, AVAILABLE_FLAGS, 0);
    },
    disableInterrupt() {
      state[ARMED] = 0;
      if (eventIndex)
        available[usedEvent] = state[NEXT] - 1; // the index has passed it
      else available[AVAILABLE_FLAGS] = AVAILABLE_FLAG_NO_INTERRUPT;
    },
  };
  result.disableInterrupt();
  return result;
}

/** All that stays as it is while the queue runs; refilling changes addresses of data only. */
function writeDescriptors(init: RxQueueInit, context: SplitRxContext): void {
  const { descriptors, order, size, pairs, maximumLength, headerBytes } = context;
  const headers = init.address + headersOffset('split', size);
  for (let id = 0; id < size; id++) {
    const word = id << 2;
    const isHeader = pairs && (id & 1) === 0;
    if (isHeader) {
      descriptors[word + SPLIT_ADDRESS_LOW] = addressLow(headers + HEADER_STRIDE * id);
      descriptors[word + SPLIT_ADDRESS_HIGH] = addressHigh(headers + HEADER_STRIDE * id);
      descriptors[word + SPLIT_LENGTH] = headerBytes;
      descriptors[word + SPLIT_FLAGS_NEXT] = SPLIT_FLAG_WRITE | SPLIT_FLAG_NEXT | ((id + 1) << SPLIT_NEXT_SHIFT);
    } else {
      descriptors[word + SPLIT_LENGTH] = pairs ? maximumLength : maximumLength + headerBytes;
      descriptors[word + SPLIT_FLAGS_NEXT] = SPLIT_FLAG_WRITE;
    }
    order[id] = pairs ? (2 * id) & (size - 1) : id;
  }
}
