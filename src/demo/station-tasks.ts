/** What the demo asks of its stations: the computers at the ends of the line, each a process in a network namespace. */

export interface Tasks {
  /** Gives the interface its address, such as '198.18.0.1/24', and brings it up. */
  configure(interfaceName: string, address: string): Promise<void>;
  /** Sends echo requests with the system's `ping`; undefined if there is none. */
  ping(target: string, count: number): Promise<Echoes | undefined>;
  /** Sends UDP packets to a station that reflects them. */
  probe(target: string, port: number, count: number): Promise<Echoes>;
  /** Sends UDP packets back to where they came from, from now on. */
  reflect(address: string): Promise<{ readonly port: number }>;
  /** Serves so many random bytes by HTTP, from now on. */
  serve(address: string, bytes: number): Promise<{ readonly port: number; readonly sha256: string }>;
  download(url: string): Promise<Download>;
}

/** Requests answered, and the time between request and answer, in milliseconds. */
export interface Echoes {
  readonly sent: number;
  readonly answered: number;
  readonly fastest: number;
  readonly average: number;
}

export interface Download {
  readonly bytes: number;
  readonly sha256: string;
  /** From the request to the last byte. */
  readonly milliseconds: number;
}

/** From the demo to a station: one at a time. */
export interface Request {
  readonly task: keyof Tasks;
  readonly parameters: readonly unknown[];
}

/** From a station to the demo: one for each request, and one that says that it is there. */
export type Answer = { readonly result: unknown } | { readonly error: string };
