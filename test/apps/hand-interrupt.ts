import type { RxInterrupt } from '../../src/drivers/net-device.ts';

/** An interrupt that a test fires by hand. */
export class HandInterrupt implements RxInterrupt {
  armed = 0;
  handler: (() => void) | undefined;
  kept = false;

  arm(): boolean {
    this.armed++;
    return true;
  }

  disarm(): void {}

  wait(): boolean {
    return false;
  }

  handle(handler: (() => void) | undefined): void {
    this.handler = handler;
  }

  keepAlive(enabled: boolean): void {
    this.kept = enabled;
  }
}
