/** A packed ring for receiving: its bursts, and its interrupts. */
import {
  EVENT_AT_DESCRIPTOR,
  EVENT_DESCRIPTOR,
  EVENT_DISABLE,
  EVENT_ENABLE,
  EVENT_FLAGS,
  EVENT_WRAP,
} from '../../../datasheet/virtio/packed-ring.ts';
import { specialise } from '../../../specialise.ts';
import { fourViews } from '../four-views.ts';
import { makeFrameReceive } from '../frame-receive.ts';
import type { RxQueueInit } from '../queue-init.ts';
import { RX_CONSTANTS, type RxContext, type RxRing } from '../rx-context.ts';
import { PACKED_CONSTANTS, packedRing } from './context.ts';
import { makePackedKick } from './kick.ts';
import { makePackedReceive, makePackedRefill, type PackedRxContext } from './receive.ts';
import { makePackedUsed } from './used.ts';

const { NEXT, NEXT_WRAP, AVAILABLE_WRAP, OUTSTANDING, POOL_TOP } = RX_CONSTANTS;
const { AVAIL, IN_USE, WRITE } = PACKED_CONSTANTS;

/** Compiles the bursts that suit what was negotiated. Interrupts are off. */
export function createPackedRx(init: RxQueueInit, common: RxContext): RxRing {
  const context: PackedRxContext = {
    ...common,
    ...packedRing(init),
    fourFree: fourViews(common.freeStack, 1),
    fourHeld: fourViews(common.shadow, 1),
  };
  const { state, driverEvent, eventIndex } = context;
  state[NEXT_WRAP] = IN_USE;
  state[AVAILABLE_WRAP] = WRITE | AVAIL;
  const kick = specialise('kick', makePackedKick)(context);
  const refill = specialise('refill', makePackedRefill)(context, kick);
  const replace = (): void => {
    const free = context.size - state[OUTSTANDING];
    if (free >= context.block || free <= context.poolState[POOL_TOP]) refill();
  };
  const used = specialise('used', makePackedUsed)(context);
  const unusual = specialise('receive-unusual', makeFrameReceive)(context, used, replace);
  const receive = specialise('receive', makePackedReceive)(context, kick, unusual);
  const ring: RxRing = {
    receive,
    refill,
    enableInterrupt() {
      if (eventIndex) driverEvent[EVENT_DESCRIPTOR] = state[NEXT] | (state[NEXT_WRAP] === IN_USE ? EVENT_WRAP : 0);
      Atomics.store(driverEvent, EVENT_FLAGS, eventIndex ? EVENT_AT_DESCRIPTOR : EVENT_ENABLE);
    },
    disableInterrupt() {
      driverEvent[EVENT_FLAGS] = EVENT_DISABLE;
    },
  };
  ring.disableInterrupt();
  return ring;
}
