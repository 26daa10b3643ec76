/** What headers of TCP and UDP begin with. */
import { read16, write16 } from './bytes.ts';
import { HeaderView } from './header-view.ts';

export abstract class PortsView extends HeaderView {
  get sourcePort(): number {
    return read16(this.bytes, this.offset);
  }
  set sourcePort(port: number) {
    write16(this.bytes, this.offset, port);
  }

  get destinationPort(): number {
    return read16(this.bytes, this.offset + 2);
  }
  set destinationPort(port: number) {
    write16(this.bytes, this.offset + 2, port);
  }
}
